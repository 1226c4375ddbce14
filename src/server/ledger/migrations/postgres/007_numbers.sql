-- The highest card number given of each series, such as W01, to any tablet of the organisation.
create table number_series (
    organisation bytea not null references organisation (id),
    series       text not null,
    given        bigint not null,
    primary key (organisation, series)
);

-- What each tablet was given last: given again, if it has not heard of it.
create table number_block (
    organisation bytea not null,
    device       bigint not null,
    series       text not null,
    first_number bigint not null,
    last_number  bigint not null,
    primary key (organisation, device),
    foreign key (organisation, device) references device (organisation, number)
);
