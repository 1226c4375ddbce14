-- Pictures, opened, by the SHA-256 of what they are.
create table blob (
    organisation blob not null references organisation (id),
    hash         blob not null,
    kept_at      integer not null,
    bytes        blob not null,
    primary key (organisation, hash)
) strict;

-- Which records name which pictures: who may see a record may see what it names.
create table blob_name (
    organisation blob not null references organisation (id),
    hash         blob not null,
    record       blob not null,
    audience     text not null,
    primary key (organisation, hash, record, audience)
) strict;
create index blob_name_by_record on blob_name (organisation, record);

-- What each tablet sends or has sent. The pieces are as it sealed them, and go once they were opened.
create table blob_upload (
    organisation blob not null,
    device       integer not null,
    hash         blob not null,
    length       integer not null,
    received     integer not null,
    touched_at   integer not null,
    done_at      integer,
    primary key (organisation, device, hash),
    foreign key (organisation, device) references device (organisation, number)
) strict;
create table blob_piece (
    organisation blob not null,
    device       integer not null,
    hash         blob not null,
    start        integer not null,
    bytes        blob not null,
    primary key (organisation, device, hash, start)
) strict;

-- Pictures of people who were erased: not taken again. In no backup, so it refers to nothing.
create table blob_erasure (
    organisation blob not null,
    hash         blob not null,
    erased_at    integer not null,
    primary key (organisation, hash)
) strict;
