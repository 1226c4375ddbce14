//! A club to look at: 松风体育 with two venues, its people and 2,000 guests with their history.
//!
//! Drawn from a seed, so that every demo is alike, and written as ordinary changes through the exchange's own
//! checks and the ledger, so that it is like data that people made. Only the keys are drawn by chance.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    audience::{Audience, Role},
    chance::Seeded,
    change::{Change, Edit, Header, Key, Ranked, Write},
    id::{ChangeId, ENDPOINT_DEVICE, OrganisationId, RecordId, StaffId, VenueId},
    lead::{self, Giving},
    schema,
    stamp::Stamper,
    time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    wire::v1::{Staff, Venue, Verdict},
};

use crate::{
    admin::{self, AdminError},
    clock, exchange,
    house::House,
    keys::{self, Secrets},
    ledger::{Batch, Candidate, Database},
    settings::Data,
};

mod house;
mod words;

const SEED: u64 = 20_261_122;
/// The code that tablets of the demo are enrolled with, and for how many and how long.
pub const CODE: &str = "20261122";
/// The same for the second venue.
pub const SPORTS_CODE: &str = "20261123";
const CODE_USES: u32 = 10_000;
const CODE_DAYS: i64 = 3_650;
const NAME: &str = "松风体育";
const PEOPLE: usize = 2_000;
/// How far back the demo reaches; within what a stamp may lie behind.
const DAYS_BACK: i64 = 200;
/// Guests whom a supervisor has put into the pool.
const GUESTS_LET_GO: usize = 16;
/// Changes in one transaction.
const BATCH: usize = 1_000;

/// Name, role, venue (0 or 1) and PIN.
const STAFF: [(&str, Role, usize, &str); 16] = [
    ("林悦", Role::Consultant, 0, "260711"),
    ("周凯", Role::Consultant, 0, "518203"),
    ("吴珊", Role::CsSupervisor, 0, "730416"),
    ("李卫", Role::StoreManager, 0, "904527"),
    ("陈晓彤", Role::FrontDesk, 0, "162838"),
    ("何俊", Role::PtManager, 0, "385940"),
    ("孙晓雯", Role::Consultant, 1, "471659"),
    ("马骏", Role::FrontDesk, 1, "829314"),
    ("黄丽", Role::FrontDeskSupervisor, 0, "294857"),
    ("郑洁", Role::Cashier, 0, "617283"),
    ("赵师傅", Role::EquipmentTeam, 0, "530962"),
    ("冯涛", Role::DeptHead, 0, "748105"),
    ("钱程", Role::StoreManager, 1, "906138"),
    ("唐峰", Role::CourtStaff, 1, "415926"),
    ("许敏", Role::CallOut, 1, "637480"),
    ("顾岚", Role::Hq, 0, "358207"),
];
const VENUES: [(&str, &str); 2] = [("未来店", "fitness"), ("望江店", "sports")];
/// Where clocks are ahead of UTC in Shanghai.
const OFFSET_MINUTES: i32 = 480;

/// Makes the demo in a new database and says who can sign in.
///
/// # Errors
/// [`AdminError`]
pub async fn make(data: &Data, now: Millis) -> Result<String, AdminError> {
    let ledger = admin::create(data).await?;
    let house = found(&*ledger, now).await?;
    let mut club = Club::new(house.clone(), now);
    club.live();
    let mut changes = club.changes;
    // As if each had been sent when it was made.
    changes.sort_by_key(|(at, change)| (*at, change.id()));
    let mut stamper = Stamper::default();
    let mut candidates = changes.into_iter().map(|(at, change)| {
        let ranked = Ranked::provisional(stamper.next(at), change);
        let refusal = exchange::check(&house, &ranked, now).err();
        Candidate::new(ranked, refusal)
    });
    loop {
        let candidates: Vec<_> = candidates.by_ref().take(BATCH).collect();
        if candidates.is_empty() {
            break;
        }
        let verdicts = ledger.append(house.organisation, Batch { pushed: None, candidates, now }).await?;
        if let Some(refused) = verdicts.iter().find(|verdict| !matches!(verdict, Verdict::Accepted { .. })) {
            return Err(AdminError::Asked(format!("the demo made a change that is refused: {refused:?}")));
        }
    }
    clock::pass_guests_on(&*ledger, &house, now).await?;
    ledger.close().await;
    Ok(told(&house))
}

/// Says again who can sign in to a demo.
///
/// # Errors
/// [`AdminError`], also when the database is that of a real club.
pub async fn show(data: &Data) -> Result<String, AdminError> {
    let (ledger, organisation) = admin::open(data).await?;
    let house = ledger.house(organisation).await?;
    ledger.close().await;
    if organisation == Ids::default().organisation() {
        Ok(told(&house))
    } else {
        Err(AdminError::Asked(format!("{} holds {}, which is no demo", admin::place(data), house.name)))
    }
}

fn told(house: &House) -> String {
    let mut told = format!("{}\n", house.name);
    for (code, (venue, _)) in [CODE, SPORTS_CODE].iter().zip(VENUES) {
        told += &format!("  enrol a tablet of {venue} with the code {} {}\n", &code[..4], &code[4..]);
    }
    for (name, role, venue, pin) in STAFF {
        let wide = " ".repeat(8 - 2 * name.chars().count());
        told += &format!("  {name}{wide} PIN {pin}  {}, {}\n", role.key(), VENUES[venue].0);
    }
    told
}

/// The organisation with its venues, people and code.
async fn found(ledger: &dyn Database, now: Millis) -> Result<House, AdminError> {
    let mut ids = Ids::default();
    let organisation = ids.organisation();
    ledger.found(organisation, NAME, &admin::new_epoch(), &Secrets::new()).await?;
    let mut venues: Vec<Venue> = Vec::new();
    for (name, pack) in VENUES {
        let venue = admin::new_venue(VenueId::new(EPOCH, &mut ids.0), name, pack, OFFSET_MINUTES);
        ledger.keep_venue(organisation, &venue).await?;
        venues.push(venue);
    }
    for (place, (name, role, venue, pin)) in STAFF.into_iter().enumerate() {
        // Ids sort in the order of the list, which is that of the lock screen.
        let id = StaffId::new(EPOCH.plus(place as i64), &mut ids.0);
        let staff = Staff { id, name: name.into(), role, venue: venues[venue].id, active: true };
        ledger.add_staff(organisation, &staff, &keys::pin_hash(pin)).await?;
    }
    let expires_at = now.plus(CODE_DAYS * DAY_MS);
    for (code, venue) in [CODE, SPORTS_CODE].iter().zip(&venues) {
        ledger.add_code(organisation, venue.id, keys::code_hash(code), CODE_USES, expires_at).await?;
    }
    Ok(ledger.house(organisation).await?)
}

/// 2026-01-01: when the club opened, for ids that are the same in every demo.
const EPOCH: Millis = Millis(1_767_196_800_000);

struct Ids(Seeded);

impl Default for Ids {
    fn default() -> Self {
        Self(Seeded::new(SEED + 2))
    }
}

impl Ids {
    fn organisation(&mut self) -> OrganisationId {
        OrganisationId::new(EPOCH, &mut Seeded::new(SEED))
    }
}

// ---- The life of the club -----------------------------------------------------------------------------------

/// One guest, as far as later happenings depend on it.
#[derive(Clone)]
struct Guest {
    record: RecordId,
    audience: Audience,
    owner: Option<StaffId>,
    name: String,
    phone: String,
    gender: &'static str,
    captured_at: Millis,
}

struct Outing {
    record: RecordId,
    leader: StaffId,
    begins: Millis,
    audience: Audience,
}

/// Somebody with a card, of whom something is under way.
#[derive(Clone)]
struct Member {
    person: RecordId,
    name: String,
    phone: String,
    card: RecordId,
    card_no: String,
    paid_fen: i64,
    start_on: Day,
    /// Days of leave that the card allows.
    leave_days: i64,
    audience: Audience,
}

struct Club {
    house: House,
    chance: Seeded,
    now: Millis,
    today: Day,
    phones: BTreeSet<String>,
    changes: Vec<(Millis, Change)>,
    other_chance: Seeded,
    /// Term cards that are sold: months and price in fen.
    /// Each with its months, price in fen and days of leave.
    products: Vec<(RecordId, i64, i64, i64)>,
    equipment: Vec<RecordId>,
    courts: Vec<RecordId>,
    cards: i64,
    /// Some members.
    members: Vec<Member>,
    /// Some who hold a card with money on it: person, card, its number and their name.
    sports_members: Vec<(RecordId, RecordId, String, String)>,
    /// Guests of the first venue whom nobody has spoken to for long.
    dormant: Vec<Guest>,
}

impl Club {
    fn new(house: House, now: Millis) -> Self {
        let (chance, today) = (Seeded::new(SEED + 1), now.day(OFFSET_MINUTES));
        Self {
            house,
            chance,
            now,
            today,
            phones: BTreeSet::new(),
            changes: Vec::new(),
            other_chance: Seeded::new(SEED + 3),
            products: Vec::new(),
            equipment: Vec::new(),
            courts: Vec::new(),
            cards: 0,
            members: Vec::new(),
            sports_members: Vec::new(),
            dormant: Vec::new(),
        }
    }

    fn live(&mut self) {
        let venues: Vec<VenueId> = VENUES.iter().map(|(name, _)| self.venue(name)).collect();
        self.house_lists(&venues);
        let mut outings = Vec::new();
        for week in 1..=DAYS_BACK / 9 {
            let leader = self.one_of(&["林悦", "周凯"]);
            outings.push(self.outing(venues[0], leader, week * 9));
        }
        self.planned_outing(venues[0]);
        for place in 0..PEOPLE {
            // Two in three at the first venue; more of late than long ago.
            let venue = usize::from(place % 5 >= 4);
            let far = self.chance.below(1_000) as i64;
            let captured_at = self.moment(-(far * far * DAYS_BACK / 1_000_000));
            let guest = self.guest(venues[venue], venue, captured_at, &outings);
            self.history(&guest, venue);
        }
        self.visits_today(venues[0]);
        self.under_way(&venues);
        self.let_go();
    }

    /// Some whom nobody has spoken to for long are in the pool now; one was given to a colleague since.
    fn let_go(&mut self) {
        let (supervisor, takes_over) = (self.staff("吴珊"), self.staff("周凯"));
        let guests = std::mem::take(&mut self.dormant);
        for (place, guest) in guests.iter().step_by(3).take(GUESTS_LET_GO).enumerate() {
            let at = self.now.plus(-(place as i64 + 2) * DAY_MS / 2);
            let mut rule = |at, author, to: StaffId, giving: Giving, replaces| {
                let group = BTreeMap::from([
                    (Key::of("owner"), to.to_string().into()),
                    (Key::of("reason"), giving.key().into()),
                    (Key::of("from"), guest.owner.unwrap_or(lead::NOBODY).to_string().into()),
                ]);
                let write = schema::write_group("person", lead::RULING, group, replaces);
                self.save(at, author, "", vec![(guest.record, "person", &guest.audience, vec![write])]);
                self.changes.last().expect("it was just saved").1.id()
            };
            let let_go = rule(at, supervisor, lead::NOBODY, Giving::LetGo, Vec::new());
            if place == 0 {
                rule(at.plus(DAY_MS / 4), supervisor, takes_over, Giving::HandedOver, vec![let_go]);
            }
        }
    }

    fn venue(&self, name: &str) -> VenueId {
        let found = self.house.venues.values().find(|venue| venue.name == name);
        found.expect("the demo's venues were just made").id
    }

    fn staff(&self, name: &str) -> StaffId {
        let found = self.house.staff.values().find(|staff| staff.name == name);
        found.expect("the demo's people were just made").id
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.chance.below(choices.len() as u64) as usize]
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.chance.below(100) < percent
    }

    /// A moment of the opening hours, some days from today; never later than now.
    fn moment(&mut self, days: i64) -> Millis {
        let minutes = 9 * 60 + self.chance.below(11 * 60) as i64;
        let seconds = self.chance.below(60_000) as i64;
        let at = self.today.begins(OFFSET_MINUTES).plus(days * DAY_MS + minutes * MINUTE_MS + seconds);
        if at > self.now { self.now.plus(-(self.chance.below(90 * MINUTE_MS as u64) as i64)) } else { at }
    }

    fn save(
        &mut self,
        at: Millis,
        author: StaffId,
        form: &str,
        edits: Vec<(RecordId, &'static str, &Audience, Vec<Write>)>,
    ) {
        let header = Header {
            id: ChangeId::new(at, &mut self.chance),
            organisation: self.house.organisation,
            author,
            device: ENDPOINT_DEVICE,
            made_at: at,
            clock_offset_ms: 0,
            pack: 1,
            form: form.into(),
        };
        let edits = edits.into_iter().map(|(record, kind, audience, writes)| Edit {
            record,
            kind: Key::of(kind),
            audience: audience.clone(),
            salt: [0; 8],
            writes,
        });
        let change = Change::new(header, edits.collect(), &mut self.chance);
        self.changes.push((at, change));
    }

    fn record(&mut self, at: Millis) -> RecordId {
        RecordId::new(at, &mut self.chance)
    }

    // ---- Outings ----

    fn outing(&mut self, venue: VenueId, leader: &str, days_ago: i64) -> Outing {
        let leader = self.staff(leader);
        let day = self.today.begins(OFFSET_MINUTES).plus(-days_ago * DAY_MS);
        let begins = day.plus(17 * HOUR_MS + 30 * MINUTE_MS);
        let record = self.record(day);
        let audience = Audience::Own(venue, leader);
        let mut writes = self.outing_plan(leader, begins, "reported");
        let out = 80 + self.chance.below(120) as i64;
        let back = self.chance.below(out as u64 / 2) as i64;
        let late = self.one_of(&[-6_i64, -3, 0, 2, 9]);
        let more: Vec<(&str, Value)> = vec![
            ("actual_arrival", begins.plus(late * MINUTE_MS).into()),
            ("leaflets_out", out.into()),
            ("leaflets_back", back.into()),
            ("numbers_collected", (12 + self.chance.below(22) as i64).into()),
            ("passes_issued", (self.chance.below(15) as i64).into()),
            ("ended_at", begins.plus(2 * HOUR_MS).into()),
            ("summary", self.one_of(words::OUTING_SUMMARIES).into()),
        ];
        writes.extend(more.into_iter().map(|(key, value)| schema::write("outing", key, value)));
        self.save(
            begins.plus(2 * HOUR_MS + 15 * MINUTE_MS),
            leader,
            "F-04",
            vec![(record, "outing", &audience, writes)],
        );
        Outing { record, leader, begins, audience }
    }

    fn planned_outing(&mut self, venue: VenueId) {
        let leader = self.staff("林悦");
        let begins = self.today.begins(OFFSET_MINUTES).plus(17 * HOUR_MS + 30 * MINUTE_MS);
        let (record, audience) = (self.record(self.now), Audience::Own(venue, leader));
        let mut writes = self.outing_plan(leader, begins, "planned");
        writes.retain(|write| write.key.as_str() != "kit_checked");
        let made_at = self.moment(-1);
        self.save(made_at, leader, "F-04", vec![(record, "outing", &audience, writes)]);
    }

    fn outing_plan(&mut self, leader: StaffId, begins: Millis, status: &str) -> Vec<Write> {
        let (area_kind, place) = self.one_of(words::PLACES);
        let form = self.one_of(&["fixed_desk", "roaming_leaflet", "roaming_leaflet", "roadshow"]);
        let mut fields: Vec<(&str, Value)> = vec![
            ("status", status.into()),
            ("outing_date", begins.day(OFFSET_MINUTES).into()),
            ("area_kind", area_kind.into()),
            ("place", place.into()),
            ("form", form.into()),
            ("leader", leader.to_string().into()),
            ("team", leader.to_string().into()),
            ("planned_arrival", begins.into()),
            ("captured_by", leader.to_string().into()),
            ("captured_at", begins.plus(-DAY_MS).into()),
        ];
        if self.percent(60) {
            fields.push(("team", self.staff("何俊").to_string().into()));
        }
        let kit =
            ["handbook", "business_cards", "leaflets", "folder", "tablet_charged", "trial_passes", "price_list_left"];
        fields.extend(kit.map(|item| ("kit_checked", item.into())));
        fields.into_iter().map(|(key, value)| schema::write("outing", key, value)).collect()
    }

    // ---- Guests ----

    fn guest(&mut self, venue: VenueId, at_venue: usize, captured_at: Millis, outings: &[Outing]) -> Guest {
        let (desk, consultants): (_, &[&str]) = if at_venue == 0 {
            ("陈晓彤", &["林悦", "周凯", "林悦", "周凯", "何俊"])
        } else {
            ("马骏", &["孙晓雯"])
        };
        let desk = self.staff(desk);
        let owner = self.one_of(consultants);
        let mut owner = Some(self.staff(owner));
        let source = self.one_of(&[
            "outing",
            "outing",
            "outing",
            "walk_in",
            "walk_in",
            "friend_referral",
            "phone_in",
            "pass_by",
            "leaflet",
            "outdoor_ad",
            "partner",
        ]);
        // The outing that ran last before the guest was met; its leader keeps the lead.
        let outing = outings.iter().filter(|_| source == "outing" && at_venue == 0);
        let outing = outing.filter(|outing| outing.begins <= captured_at).max_by_key(|outing| outing.begins);
        let source = if source == "outing" && outing.is_none() { "walk_in" } else { source };
        let mut captured_at = captured_at;
        if let Some(outing) = outing {
            owner = Some(outing.leader);
            captured_at = outing.begins.plus((2 + self.chance.below(110) as i64) * MINUTE_MS);
        } else if self.percent(8) {
            owner = None;
        }
        let author = if outing.is_some() { owner.unwrap_or(desk) } else { desk };
        let audience = owner.map_or(Audience::Desk(venue), |owner| Audience::Own(venue, owner));
        let (name, gender) = self.name();
        let (record, phone) = (self.record(captured_at), self.phone());
        let intent = self.one_of(&["A", "B", "B", "C", "C", "C", "D"]);
        let salutation = if gender == "male" { "mr" } else { "ms" };
        let mut fields: Vec<(&str, Value)> = vec![
            ("name", name.as_str().into()),
            ("phone", phone.as_str().into()),
            ("gender", gender.into()),
            ("salutation", salutation.into()),
            ("source", source.into()),
            ("intent", intent.into()),
            ("stage", "new".into()),
            ("consent_contact", true.into()),
            ("consent_at", captured_at.into()),
            ("captured_by", author.to_string().into()),
            ("captured_at", captured_at.into()),
        ];
        if let Some(owner) = owner {
            fields.push(("owner", owner.to_string().into()));
        }
        let wishes = 1 + self.chance.below(3);
        for _ in 0..wishes {
            let wish = match at_venue {
                0 => self.one_of(&[
                    "fitness",
                    "slimming",
                    "strength",
                    "yoga",
                    "group_class",
                    "spinning",
                    "personal_training",
                ]),
                _ => self.one_of(&["court", "table_tennis", "billiards", "fitness", "hobby"]),
            };
            fields.push(("interests", wish.into()));
        }
        if self.percent(45) {
            let years = 18 + self.chance.below(45) as i32;
            let (month, day) = (1 + self.chance.below(12) as u32, 1 + self.chance.below(28) as u32);
            let year = self.today.ymd().0 - years;
            fields.extend(Day::from_ymd(year, month, day).map(|day| ("birth_date", day.into())));
        }
        if self.percent(35) {
            fields.push(("note", self.one_of(words::LEAD_NOTES).into()));
        }
        let form = if let Some(outing) = outing {
            let talk_s = 40 + self.chance.below(280) as i64;
            fields.push(("outing", outing.record.into()));
            fields.push(("cooperation", self.one_of(&["cooperative", "cooperative", "short_on_time"]).into()));
            fields.push(("leaflet_given", true.into()));
            fields.push(("card_given", true.into()));
            fields.push(("contact_duration_s", talk_s.into()));
            fields.push(("trial_pass_promised", self.percent(40).into()));
            debug_assert_eq!(outing.audience, audience);
            "F-03"
        } else {
            "F-01"
        };
        let mut writes: Vec<Write> =
            fields.into_iter().map(|(key, value)| schema::write("person", key, value)).collect();
        writes.sort();
        writes.dedup();
        self.save(captured_at, author, form, vec![(record, "person", &audience, writes)]);
        Guest { record, audience, owner, name, phone, gender, captured_at }
    }

    fn name(&mut self) -> (String, &'static str) {
        let total: u32 = words::SURNAMES.iter().map(|(_, weight)| weight).sum();
        let mut place = self.chance.below(u64::from(total)) as u32;
        let surname = words::SURNAMES.iter().find(|(_, weight)| {
            let here = place < *weight;
            place = place.saturating_sub(*weight);
            here
        });
        let surname = surname.map_or("王", |(surname, _)| surname);
        let (given, gender) = if self.percent(55) { (words::WOMEN, "female") } else { (words::MEN, "male") };
        (format!("{surname}{}", self.one_of(given)), gender)
    }

    fn phone(&mut self) -> String {
        loop {
            let phone = format!("+86{}{:08}", self.one_of(words::MOBILE_PREFIXES), self.chance.below(100_000_000));
            if self.phones.insert(phone.clone()) {
                return phone;
            }
        }
    }

    // ---- What happened since ----

    /// Calls, a visit, a consultation, and where it led.
    fn history(&mut self, guest: &Guest, at_venue: usize) {
        let Some(owner) = guest.owner else { return };
        let days_known = self.now.since(guest.captured_at) / DAY_MS;
        let desk = self.staff(if at_venue == 0 { "陈晓彤" } else { "马骏" });
        let mut at = guest.captured_at;
        let mut stage = "new";
        let calls = if days_known == 0 { 0 } else { self.chance.below(4) };
        for _ in 0..calls {
            let Some(next) = self.later(at) else { break };
            at = next;
            let result = self.one_of(&["reached", "reached", "reached", "no_answer", "call_later", "refused"]);
            stage = match (result, stage) {
                ("reached", "new") => "contacted",
                ("reached", _) => self.one_of(&["appointed", "tracking", "contacted"]),
                ("refused", _) => self.one_of(&["lost", "tracking"]),
                _ => stage,
            };
            self.call(guest, owner, at, result, stage);
            if stage == "lost" {
                return;
            }
        }
        let comes = if stage == "appointed" { 70 } else { 18 };
        if self.percent(comes)
            && let Some(next) = self.later(at)
        {
            at = next;
            stage = self.visit(guest, desk, owner, at);
            if stage == "won" {
                self.card(guest, owner, at.plus(40 * MINUTE_MS).min(self.now));
            }
            if at_venue == 1 || self.percent(15) {
                self.consultation(guest, desk, at.plus(12 * MINUTE_MS).min(self.now), stage == "won");
            }
        } else if at_venue == 1 && self.percent(40) {
            self.consultation(guest, desk, guest.captured_at, false);
        }
        if matches!(stage, "won" | "lost") {
            return;
        }
        if days_known > 120 && self.percent(50) {
            let days_ago = self.chance.below(20) as i64;
            let at = self.moment(-days_ago);
            self.stage(guest, owner, at.max(guest.captured_at), "dormant", None);
            if at_venue == 0 {
                self.dormant.push(guest.clone());
            }
        } else if self.percent(3) {
            let writes = vec![schema::write("person", "do_not_contact", true)];
            self.save(
                at.plus(HOUR_MS).min(self.now),
                owner,
                "",
                vec![(guest.record, "person", &guest.audience, writes)],
            );
        } else {
            // Most are due in the next two weeks, some are overdue.
            let days = self.chance.below(18) as i64 - 3;
            let hour = 9 + self.chance.below(11) as i64;
            let due = self.today.begins(OFFSET_MINUTES).plus(days * DAY_MS + hour * HOUR_MS);
            self.stage(guest, owner, at.plus(2 * MINUTE_MS).min(self.now), stage, Some(due));
        }
    }

    /// Some days after, if that has come yet.
    fn later(&mut self, at: Millis) -> Option<Millis> {
        let later = at.plus((1 + self.chance.below(9) as i64) * DAY_MS + self.chance.below(3 * HOUR_MS as u64) as i64);
        (later < self.now).then_some(later)
    }

    fn stage(&mut self, guest: &Guest, author: StaffId, at: Millis, stage: &str, next_contact_at: Option<Millis>) {
        let mut writes = vec![schema::write("person", "stage", stage)];
        writes.extend(next_contact_at.map(|at| schema::write("person", "next_contact_at", at)));
        self.save(at, author, "", vec![(guest.record, "person", &guest.audience, writes)]);
    }

    fn call(&mut self, guest: &Guest, owner: StaffId, at: Millis, result: &str, stage: &str) {
        let reached = result == "reached";
        let duration_s = if reached { 45 + self.chance.below(240) as i64 } else { 0 };
        let mut fields: Vec<(&str, Value)> = vec![
            ("person", guest.record.into()),
            ("direction", "out".into()),
            ("channel", self.one_of(&["phone", "phone", "phone", "wechat"]).into()),
            ("purpose", self.one_of(&["invite", "follow_up", "follow_up", "remind"]).into()),
            ("started_at", at.into()),
            ("duration_s", duration_s.into()),
            ("staff", owner.to_string().into()),
            ("result", result.into()),
        ];
        if reached {
            fields.push(("summary", self.one_of(words::CALL_SUMMARIES).into()));
        }
        let writes = fields.into_iter().map(|(key, value)| schema::write("interaction", key, value)).collect();
        let record = self.record(at);
        let mut person = vec![schema::write("person", "stage", stage)];
        if stage == "lost" {
            person.push(schema::write("person", "lost_reason", "已在别处办卡"));
        }
        self.save(
            at,
            owner,
            "",
            vec![(record, "interaction", &guest.audience, writes), (guest.record, "person", &guest.audience, person)],
        );
    }

    /// A visit that is over; gives the stage that it led to.
    fn visit(&mut self, guest: &Guest, desk: StaffId, host: StaffId, at: Millis) -> &'static str {
        let (outcome, stage) = self.one_of(&[
            ("signed", "won"),
            ("signed", "won"),
            ("follow_up", "tracking"),
            ("follow_up", "negotiating"),
            ("follow_up", "tracking"),
            ("trial", "visited"),
            ("no_interest", "lost"),
        ]);
        let left_at = at.plus((25 + self.chance.below(60) as i64) * MINUTE_MS);
        let mut writes = self.registration(guest, desk, host, at, "left");
        writes.push(schema::write("visit", "outcome", outcome));
        writes.push(schema::write("visit", "left_at", left_at));
        let record = self.record(at);
        let person = vec![schema::write("person", "stage", stage), schema::write("person", "first_visit", record)];
        self.save(
            at,
            desk,
            "F-01",
            vec![(record, "visit", &guest.audience, writes), (guest.record, "person", &guest.audience, person)],
        );
        stage
    }

    fn registration(&mut self, guest: &Guest, desk: StaffId, host: StaffId, at: Millis, status: &str) -> Vec<Write> {
        let fields: Vec<(&str, Value)> = vec![
            ("person", guest.record.into()),
            ("status", status.into()),
            ("visit_at", at.into()),
            ("visitor_name", guest.name.as_str().into()),
            ("gender", guest.gender.into()),
            ("mobile", guest.phone.as_str().into()),
            ("visit_purpose", self.one_of(&["tour", "tour", "trial", "sign"]).into()),
            ("party_size", (1 + self.chance.below(3) as i64).into()),
            ("is_first_visit", true.into()),
            ("host_staff", host.to_string().into()),
            ("privacy_ack", true.into()),
            ("captured_by", desk.to_string().into()),
            ("captured_at", at.into()),
        ];
        fields.into_iter().map(|(key, value)| schema::write("visit", key, value)).collect()
    }

    fn consultation(&mut self, guest: &Guest, desk: StaffId, at: Millis, signed: bool) {
        let mut fields: Vec<(&str, Value)> = vec![
            ("person", guest.record.into()),
            ("consult_date", at.day(OFFSET_MINUTES).into()),
            ("consult_mode", self.one_of(&["onsite", "phone"]).into()),
            ("customer_name", guest.name.as_str().into()),
            ("phone", guest.phone.as_str().into()),
            ("consult_items", self.one_of(&["court", "table_tennis", "fitness", "yoga"]).into()),
            ("info_source", self.one_of(&["outdoor_ad", "media", "newspaper", "post", "other"]).into()),
            ("first_deal", signed.into()),
            ("received_by", desk.to_string().into()),
            ("captured_by", desk.to_string().into()),
            ("captured_at", at.into()),
        ];
        if signed {
            fields.push(("first_deal_amount", (self.one_of(&[198_000_i64, 268_000, 398_000])).into()));
        } else {
            fields.push(("next_contact_at", at.plus(DAY_MS).into()));
        }
        if self.percent(50) {
            fields.push(("remark", self.one_of(words::CONSULT_REMARKS).into()));
        }
        let writes = fields.into_iter().map(|(key, value)| schema::write("consultation", key, value)).collect();
        let record = self.record(at);
        self.save(at, desk, "F-02", vec![(record, "consultation", &guest.audience, writes)]);
    }

    /// Somebody is always in the house.
    fn visits_today(&mut self, venue: VenueId) {
        let desk = self.staff("陈晓彤");
        for (minutes_ago, status) in
            [(95, "left"), (48, "negotiating"), (21, "touring"), (6, "with_host"), (2, "registered")]
        {
            let at = self.now.plus(-minutes_ago * MINUTE_MS);
            let mut guest = self.guest(venue, 0, at, &[]);
            // Whoever tries the demo as a consultant has a guest to show round.
            if status == "with_host" {
                while guest.owner != Some(self.staff("林悦")) {
                    guest = self.guest(venue, 0, at, &[]);
                }
            }
            let host = guest.owner.unwrap_or(desk);
            let mut writes = self.registration(&guest, desk, host, at, status);
            if status == "left" {
                writes.push(schema::write("visit", "outcome", "follow_up"));
                writes.push(schema::write("visit", "left_at", at.plus(55 * MINUTE_MS)));
            }
            let record = self.record(at);
            let person = vec![schema::write("person", "stage", "visited")];
            self.save(
                at.plus(30_000),
                desk,
                "F-01",
                vec![(record, "visit", &guest.audience, writes), (guest.record, "person", &guest.audience, person)],
            );
        }
    }
}
