-- What a tablet held unsent when it was revoked: sealed, and in force only if the administrator takes it in. `sealed` is
-- emptied with that decision; `hash` still tells the same change from another.
create table handed_in (
    organisation bytea not null,
    device       bigint not null,
    change       bytea not null,
    author       bytea not null,
    sender       bytea not null,
    nonce        bytea not null,
    sealed       bytea not null,
    hash         bytea not null,
    handed_at    bigint not null,
    decided_at   bigint,
    -- The ledger's, of one that was taken in.
    number       bigint,
    primary key (organisation, device, change),
    foreign key (organisation, device) references device (organisation, number)
);

-- Tablets that had handed in all they held, and wiped themselves.
create table farewell (
    organisation bytea not null,
    device       bigint not null,
    said_at      bigint not null,
    primary key (organisation, device),
    foreign key (organisation, device) references device (organisation, number)
);
