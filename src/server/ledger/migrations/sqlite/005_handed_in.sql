-- What a tablet held unsent when it was revoked: sealed, and in force only if the administrator takes it in. `sealed` is
-- emptied with that decision; `hash` still tells the same change from another.
create table handed_in (
    organisation blob not null,
    device       integer not null,
    change       blob not null,
    author       blob not null,
    sender       blob not null,
    nonce        blob not null,
    sealed       blob not null,
    hash         blob not null,
    handed_at    integer not null,
    decided_at   integer,
    -- The ledger's, of one that was taken in.
    number       integer,
    primary key (organisation, device, change),
    foreign key (organisation, device) references device (organisation, number)
) strict;

-- Tablets that had handed in all they held, and wiped themselves.
create table farewell (
    organisation blob not null,
    device       integer not null,
    said_at      integer not null,
    primary key (organisation, device),
    foreign key (organisation, device) references device (organisation, number)
) strict;
