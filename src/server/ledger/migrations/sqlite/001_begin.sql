-- Every table is keyed by organisation. Ids and hashes are bytes, stamps and digests the bits of a number of 64.

create table organisation (
    id              blob primary key,
    name            text not null,
    epoch           text not null,
    master_secret   blob not null,
    recovery_secret blob not null
) strict, without rowid;

-- The row that is locked until a batch is committed: numbers have no holes and become visible in order.
create table counter (
    organisation blob primary key references organisation (id),
    number       integer not null,
    stamp        integer not null
) strict, without rowid;

create table ledger (
    organisation blob not null references organisation (id),
    number       integer not null,
    change       blob not null,
    stamp        integer not null,
    device       integer not null,
    author       blob not null,
    hash         blob not null,
    accepted_at  integer not null,
    primary key (organisation, number)
) strict, without rowid;
create unique index ledger_by_change on ledger (organisation, change);

-- Apart from the ledger, so that an erased body leaves its number, id and hash behind.
create table body (
    organisation blob not null,
    number       integer not null,
    bytes        blob not null,
    primary key (organisation, number),
    foreign key (organisation, number) references ledger (organisation, number)
) strict;

-- What each audience reads, with count and digest of the stream up to each row.
create table stream (
    organisation blob not null,
    audience     text not null,
    number       integer not null,
    change       blob not null,
    count        integer not null,
    digest       integer not null,
    primary key (organisation, audience, number),
    foreign key (organisation, number) references ledger (organisation, number)
) strict, without rowid;

-- The last row of each stream, so that a turn that brings nothing reads a handful of rows.
create table stream_head (
    organisation blob not null references organisation (id),
    audience     text not null,
    number       integer not null,
    count        integer not null,
    digest       integer not null,
    primary key (organisation, audience)
) strict, without rowid;

create table record (
    organisation blob not null references organisation (id),
    id           blob not null,
    kind         text not null,
    audience     text not null,
    body         blob not null,
    primary key (organisation, id)
) strict;
create index record_by_kind on record (organisation, kind, id);

create table venue (
    organisation       blob not null references organisation (id),
    id                 blob not null,
    name               text not null,
    pack               text not null,
    utc_offset_minutes integer not null,
    lease_days         integer not null,
    lock_minutes       integer not null,
    primary key (organisation, id)
) strict, without rowid;

create table staff (
    organisation blob not null references organisation (id),
    id           blob not null,
    name         text not null,
    role         text not null,
    venue        blob not null,
    active       integer not null check (active in (0, 1)),
    pin_hash     text not null,
    primary key (organisation, id),
    foreign key (organisation, venue) references venue (organisation, id)
) strict, without rowid;

create table device (
    organisation blob not null references organisation (id),
    number       integer not null,
    venue        blob not null,
    name         text not null,
    token_hash   blob not null,
    push_counter integer not null default 0,
    enrolled_at  integer not null,
    seen_at      integer not null,
    revoked_at   integer,
    primary key (organisation, number),
    foreign key (organisation, venue) references venue (organisation, id)
) strict, without rowid;
create unique index device_by_token on device (token_hash);

create table enrolment_code (
    code_hash    blob primary key,
    organisation blob not null references organisation (id),
    venue        blob not null,
    uses_left    integer not null,
    expires_at   integer not null,
    foreign key (organisation, venue) references venue (organisation, id)
) strict, without rowid;

create table person_token (
    organisation blob not null,
    token_hash   blob not null,
    staff        blob not null,
    device       integer not null,
    expires_at   integer not null,
    primary key (organisation, token_hash),
    foreign key (organisation, staff) references staff (organisation, id),
    foreign key (organisation, device) references device (organisation, number)
) strict, without rowid;
