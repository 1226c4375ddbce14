-- Records that were emptied on request, and that nothing brings back. In no backup, and it outlives one that is put in
-- the place of the rest: so it refers to nothing.
create table erasure (
    organisation blob not null,
    record       blob not null,
    erased_at    integer not null,
    primary key (organisation, record)
) strict, without rowid;
