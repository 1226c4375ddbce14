-- Changes that were refused and not taken since, under the ranks that they would have had: sent again, each ranks before what
-- was made after it all the same.
create table refused (
    organisation bytea not null references organisation (id),
    change       bytea not null,
    stamp        bigint not null,
    device       bigint not null,
    primary key (organisation, change)
);
