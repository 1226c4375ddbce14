-- Every table is keyed by organisation. Ids and hashes are bytes, stamps and digests the bits of a number of 64.

-- The steps that have been taken. One row.
create table yingke_schema (
    steps bigint not null
);

create table organisation (
    id              bytea primary key,
    name            text not null,
    epoch           text not null,
    master_secret   bytea not null,
    recovery_secret bytea not null,
    -- The last number given to a tablet, and when the epoch began: 0 for the first.
    devices         bigint not null default 0,
    epoch_at        bigint not null default 0
);

-- The row that is locked until a batch is committed: numbers have no holes and become visible in order.
create table counter (
    organisation bytea primary key references organisation (id),
    number       bigint not null,
    stamp        bigint not null
);

create table ledger (
    organisation bytea not null references organisation (id),
    number       bigint not null,
    change       bytea not null,
    stamp        bigint not null,
    device       bigint not null,
    author       bytea not null,
    hash         bytea not null,
    accepted_at  bigint not null,
    primary key (organisation, number)
);
create unique index ledger_by_change on ledger (organisation, change);

-- Apart from the ledger, so that an erased body leaves its number, id and hash behind.
create table body (
    organisation bytea not null,
    number       bigint not null,
    bytes        bytea not null,
    primary key (organisation, number),
    foreign key (organisation, number) references ledger (organisation, number)
);

-- What each audience reads, with count and digest of the stream up to each row.
create table stream (
    organisation bytea not null,
    audience     text not null,
    number       bigint not null,
    change       bytea not null,
    count        bigint not null,
    digest       bigint not null,
    primary key (organisation, audience, number),
    foreign key (organisation, number) references ledger (organisation, number)
);

-- The last row of each stream, so that a turn that brings nothing reads a handful of rows.
create table stream_head (
    organisation bytea not null references organisation (id),
    audience     text not null,
    number       bigint not null,
    count        bigint not null,
    digest       bigint not null,
    primary key (organisation, audience)
);

create table record (
    organisation bytea not null references organisation (id),
    id           bytea not null,
    kind         text not null,
    audience     text not null,
    body         bytea not null,
    primary key (organisation, id)
);
create index record_by_kind on record (organisation, kind, id);

create table venue (
    organisation       bytea not null references organisation (id),
    id                 bytea not null,
    name               text not null,
    pack               text not null,
    utc_offset_minutes bigint not null,
    lease_days         bigint not null,
    lock_minutes       bigint not null,
    primary key (organisation, id)
);

create table staff (
    organisation bytea not null references organisation (id),
    id           bytea not null,
    name         text not null,
    role         text not null,
    venue        bytea not null,
    active       bigint not null check (active in (0, 1)),
    pin_hash     text not null,
    primary key (organisation, id),
    foreign key (organisation, venue) references venue (organisation, id)
);

create table device (
    organisation bytea not null references organisation (id),
    number       bigint not null,
    venue        bytea not null,
    name         text not null,
    token_hash   bytea not null,
    push_counter bigint not null default 0,
    enrolled_at  bigint not null,
    seen_at      bigint not null,
    revoked_at   bigint,
    primary key (organisation, number),
    foreign key (organisation, venue) references venue (organisation, id)
);
create unique index device_by_token on device (token_hash);

create table enrolment_code (
    code_hash    bytea primary key,
    organisation bytea not null references organisation (id),
    venue        bytea not null,
    uses_left    bigint not null,
    expires_at   bigint not null,
    foreign key (organisation, venue) references venue (organisation, id)
);

create table person_token (
    organisation bytea not null,
    token_hash   bytea not null,
    staff        bytea not null,
    device       bigint not null,
    expires_at   bigint not null,
    primary key (organisation, token_hash),
    foreign key (organisation, staff) references staff (organisation, id),
    foreign key (organisation, device) references device (organisation, number)
);
