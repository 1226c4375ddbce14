-- Records that were emptied on request, and that nothing brings back. In no backup, and it outlives one that is put in
-- the place of the rest: so it refers to nothing.
create table erasure (
    organisation bytea not null,
    record       bytea not null,
    erased_at    bigint not null,
    primary key (organisation, record)
);
