-- The kinds that core's clockwork watches; a test holds the two together.
update record set look_at = 0 where kind in ('case', 'fault', 'leave', 'opportunity', 'pt_grant', 'report');
