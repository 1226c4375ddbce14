-- When the clock of the house looks at a record: 0 for at once, nothing for those that it owes nothing.
alter table record add column look_at integer;
update record set look_at = 0 where kind in ('case', 'fault', 'leave', 'opportunity', 'pt_grant', 'report');
create index record_by_look on record (organisation, look_at, id) where look_at is not null;
