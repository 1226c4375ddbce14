-- What each tablet said last of what it had not sent, whether it goes on or was cleared since: it had that much at least.
create table device_unsent (
    organisation blob not null,
    device       integer not null,
    changes      integer not null,
    told_at      integer not null,
    primary key (organisation, device),
    foreign key (organisation, device) references device (organisation, number)
) strict, without rowid;
