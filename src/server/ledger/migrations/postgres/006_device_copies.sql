-- Tablets that were told apart from the one that they are copies of. What lies sealed on them was sealed there, so their
-- keys are still those of the origin.
create table device_copy (
    organisation bytea not null,
    number       bigint not null,
    origin       bigint not null,
    primary key (organisation, number),
    foreign key (organisation, number) references device (organisation, number),
    foreign key (organisation, origin) references device (organisation, number)
);
