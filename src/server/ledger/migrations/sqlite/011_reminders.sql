-- Browsers that are told by Web Push when something of somebody's runs late. One tablet has one subscription, which stands
-- with each person who is reminded there.
create table reminder (
    organisation blob not null,
    device       integer not null,
    staff        blob not null,
    endpoint     text not null,
    -- What a message is sealed with: the browser's public point, and a secret that it shares.
    point        blob not null,
    secret       blob not null,
    language     text not null,
    kept_at      integer not null,
    told_at      integer not null,
    primary key (organisation, device, staff),
    foreign key (organisation, device) references device (organisation, number),
    foreign key (organisation, staff) references staff (organisation, id)
) strict, without rowid;
create index reminder_by_staff on reminder (organisation, staff);
