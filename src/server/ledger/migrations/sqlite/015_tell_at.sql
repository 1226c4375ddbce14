-- Since when it has not been told which of a record's tasks went to the next level: nothing for those that have none.
alter table record add column tell_at integer;
update record set tell_at = cast(unixepoch('subsec') * 1000 as integer) where kind in
    ('assignment', 'callback', 'campaign', 'case', 'fault', 'followup', 'inspection', 'leave', 'membership', 'pass_use',
    'pt_grant', 'rating', 'refund', 'store_transfer', 'trial');
create index record_by_tell on record (organisation, tell_at, id) where tell_at is not null;
