-- What somebody was until a moment: what they did by then, and what comes later, is judged by it.
create table staff_before (
    organisation bytea not null,
    id           bytea not null,
    until        bigint not null,
    role         text not null,
    venue        bytea not null,
    active       bigint not null,
    primary key (organisation, id, until),
    foreign key (organisation, id) references staff (organisation, id)
);
