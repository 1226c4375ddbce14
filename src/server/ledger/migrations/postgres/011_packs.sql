-- The packs that a club put in the place of those that ship, in the order in which they came into force.
create table published_pack (
    organisation bytea not null,
    place        bigint not null,
    -- `core`, or the kind of venue that it is for.
    key          text not null,
    version      bigint not null,
    published_at bigint not null,
    -- Of this one and all before it.
    mark         text not null,
    -- As people wrote it, and as tablets read it.
    source       text not null,
    text         text not null,
    work         text not null,
    primary key (organisation, place),
    foreign key (organisation) references organisation (id)
);
