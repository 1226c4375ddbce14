-- The kinds whose tasks go to the next level, as core's clockwork has them; a test holds the two together.
update record set tell_at = $1 where (tell_at is null or tell_at > $1) and kind in
    ('assignment', 'callback', 'campaign', 'case', 'fault', 'followup', 'inspection', 'leave', 'membership', 'pass_use',
    'pt_grant', 'rating', 'refund', 'store_transfer', 'trial');
