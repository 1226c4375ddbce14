-- Pictures, opened, by the SHA-256 of what they are.
create table blob (
    organisation bytea not null references organisation (id),
    hash         bytea not null,
    kept_at      bigint not null,
    bytes        bytea not null,
    primary key (organisation, hash)
);
-- Pictures are packed already.
alter table blob alter column bytes set storage external;

-- Which records name which pictures: who may see a record may see what it names.
create table blob_name (
    organisation bytea not null references organisation (id),
    hash         bytea not null,
    record       bytea not null,
    audience     text not null,
    primary key (organisation, hash, record, audience)
);
create index blob_name_by_record on blob_name (organisation, record);

-- What each tablet sends or has sent. The pieces are as it sealed them, and go once they were opened.
create table blob_upload (
    organisation bytea not null,
    device       bigint not null,
    hash         bytea not null,
    length       bigint not null,
    received     bigint not null,
    touched_at   bigint not null,
    done_at      bigint,
    primary key (organisation, device, hash),
    foreign key (organisation, device) references device (organisation, number)
);
create table blob_piece (
    organisation bytea not null,
    device       bigint not null,
    hash         bytea not null,
    start        bigint not null,
    bytes        bytea not null,
    primary key (organisation, device, hash, start)
);

-- Pictures of people who were erased: not taken again. In no backup, so it refers to nothing.
create table blob_erasure (
    organisation bytea not null,
    hash         bytea not null,
    erased_at    bigint not null,
    primary key (organisation, hash)
);
