-- What each tablet said last of what it had not sent, whether it goes on or was cleared since: it had that much at least.
create table device_unsent (
    organisation bytea not null,
    device       bigint not null,
    changes      bigint not null,
    told_at      bigint not null,
    primary key (organisation, device),
    foreign key (organisation, device) references device (organisation, number)
);
