-- What somebody was until a moment: what they did by then, and what comes later, is judged by it.
create table staff_before (
    organisation blob not null,
    id           blob not null,
    until        integer not null,
    role         text not null,
    venue        blob not null,
    active       integer not null,
    primary key (organisation, id, until),
    foreign key (organisation, id) references staff (organisation, id)
) strict, without rowid;
