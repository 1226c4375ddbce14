-- The last number given to a tablet: raised under the row's lock, so that two enrolments never share one.
alter table organisation add column devices integer not null default 0;
update organisation set devices =
    (select coalesce(max(number), 0) from device where device.organisation = organisation.id);

-- When the epoch began: 0 for the first.
alter table organisation add column epoch_at integer not null default 0;
