-- The last stamp that each tablet was given in the place of an earlier one, because of a wrong clock: what it made after that
-- ranks later, whoever sends it. Of a tablet's copies it stands under their origin.
create table corrected (
    organisation bytea not null references organisation (id),
    device       bigint not null,
    stamp        bigint not null,
    primary key (organisation, device)
);
