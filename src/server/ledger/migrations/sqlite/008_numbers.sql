-- The highest card number given of each series, such as W01, to any tablet of the organisation.
create table number_series (
    organisation blob not null references organisation (id),
    series       text not null,
    given        integer not null,
    primary key (organisation, series)
) strict, without rowid;

-- What each tablet was given last: given again, if it has not heard of it.
create table number_block (
    organisation blob not null,
    device       integer not null,
    series       text not null,
    first_number integer not null,
    last_number  integer not null,
    primary key (organisation, device),
    foreign key (organisation, device) references device (organisation, number)
) strict, without rowid;
