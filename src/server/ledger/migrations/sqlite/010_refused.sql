-- Changes that were refused and not taken since, under the ranks that they would have had: sent again, each ranks before what
-- was made after it all the same.
create table refused (
    organisation blob not null references organisation (id),
    change       blob not null,
    stamp        integer not null,
    device       integer not null,
    primary key (organisation, change)
) strict, without rowid;
