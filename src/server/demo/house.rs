//! What the club keeps about itself, and what is under way in it: products, courts, equipment, cards with their
//! contracts, leaves, complaints, faults, bookings. Drawn from a chance of its own, so that the guests stay who they are.

use std::collections::BTreeMap;

use yingke_core::{
    audience::{Audience, circle},
    change::{Edit, Key, Write},
    id::{ChangeId, ENDPOINT_DEVICE, RecordId, StaffId, VenueId},
    merge,
    pack::{Pack, VenueKind},
    reckon, schema,
    stamp::{Rank, Stamp},
    task::{self, Deed},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    work::Work,
};

use super::{Club, Guest, Member, OFFSET_MINUTES};

/// Name, kind, months, price in fen, personal training, times and days of leave.
const PRODUCTS: [(&str, &str, i64, i64, i64, i64, i64); 6] = [
    ("健身年卡", "term_card", 12, 388_000, 2, 2, 60),
    ("健身两年卡", "term_card", 24, 668_000, 4, 4, 120),
    ("健身半年卡", "term_card", 6, 228_000, 0, 1, 30),
    ("健身季卡", "term_card", 3, 128_000, 0, 0, 0),
    ("私教 12 节", "pt_pack", 6, 480_000, 12, 0, 0),
    ("瑜伽年卡", "term_card", 12, 458_000, 0, 2, 60),
];
const SPORTS_PRODUCTS: [(&str, &str, i64, i64); 3] = [
    ("储值卡 2000", "stored_value", 0, 200_000),
    ("储值卡 5000", "stored_value", 0, 500_000),
    ("乒乓球单项卡", "single_item", 12, 198_000),
];
const COURTS: [(&str, &str, i64, i64); 6] = [
    ("羽毛球 1 号场", "court", 1, 6_000),
    ("羽毛球 2 号场", "court", 1, 6_000),
    ("羽毛球 3 号场", "court", 1, 6_000),
    ("乒乓球 1 号台", "table", 2, 3_000),
    ("乒乓球 2 号台", "table", 2, 3_000),
    ("瑜伽教室", "studio", 3, 12_000),
];
const EQUIPMENT: [(&str, &str, &str); 7] = [
    ("E-001", "跑步机 1 号", "有氧区"),
    ("E-002", "跑步机 2 号", "有氧区"),
    ("E-003", "跑步机 3 号", "有氧区"),
    ("E-011", "椭圆机 1 号", "有氧区"),
    ("E-021", "史密斯机", "力量区"),
    ("E-031", "女更衣室热水阀", "更衣室"),
    ("E-041", "泳池循环泵", "泳池"),
];
const SPORTS_EQUIPMENT: [(&str, &str, &str); 4] = [
    ("Q-001", "羽毛球 1 号场网架", "羽毛球馆"),
    ("Q-002", "羽毛球 2 号场灯组", "羽毛球馆"),
    ("Q-011", "乒乓球 1 号台", "乒乓球馆"),
    ("Q-021", "男更衣室热水器", "更衣室"),
];
/// What came due longer ago was done: nobody's list begins with what was left undone for months.
const FORGOTTEN_DAYS: i64 = 10;
/// What it is about, category, severity, what was said, hours ago, state.
const CASES: [(&str, &str, &str, &str, i64, &str); 5] = [
    ("更衣室热水时断时续", "facility", "normal", "周四、周五晚上八点洗澡，热水两次断了，前台只说在修。", 26, "solved"),
    ("团操课临时换教练没通知", "service_quality", "normal", "专门请假来上李教练的课，到了才知道换人。", 21, "assigned"),
    ("储物柜押金未退", "product_price", "minor", "上周退了柜子，押金还没到账。", 5, "new"),
    ("建议增加早间泳道", "other", "minor", "早上七点只有一条泳道，太挤。", 3, "responded"),
    ("前台排队太久", "service_quality", "minor", "办请假排了二十分钟。", 60, "closed"),
];

impl Club {
    /// Does something with the other chance, so that nothing else is drawn otherwise for it.
    fn aside<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> T {
        std::mem::swap(&mut self.chance, &mut self.other_chance);
        let done = does(self);
        std::mem::swap(&mut self.chance, &mut self.other_chance);
        done
    }

    fn keep(
        &mut self,
        at: Millis,
        author: StaffId,
        form: &str,
        kind: &'static str,
        audience: &Audience,
        fields: Vec<(&str, Value)>,
    ) -> RecordId {
        let record = self.record(at);
        let writes = fields.into_iter().map(|(key, value)| schema::write(kind, key, value)).collect();
        self.save(at, author, form, vec![(record, kind, audience, writes)]);
        record
    }

    /// Products, courts and equipment of the venues, as their managers wrote them down when the year began.
    pub(super) fn house_lists(&mut self, venues: &[VenueId]) {
        self.aside(|club| {
            let at = club.moment(-super::DAYS_BACK + 1);
            let (manager, sports_manager) = (club.staff("李卫"), club.staff("钱程"));
            let house = Audience::Circle(venues[0], circle::HOUSE.into());
            for (name, kind, months, price, lessons, times, days) in PRODUCTS {
                let fields: Vec<(&str, Value)> = vec![
                    ("name", name.into()),
                    ("kind", kind.into()),
                    ("term_months", months.into()),
                    ("list_price", price.into()),
                    ("pt_sessions", lessons.into()),
                    ("transferable", (months >= 6).into()),
                    ("leave_times", times.into()),
                    ("leave_days", days.into()),
                    ("leave_days_each", 7.into()),
                    ("leave_extension", (times > 0).into()),
                    ("active", true.into()),
                ];
                let id = club.keep(at, manager, "product", "product", &house, fields);
                if months > 0 && kind == "term_card" {
                    club.products.push((id, months, price, days));
                }
            }
            let fee: Vec<(&str, Value)> = vec![
                ("name", "transfer.fee".into()),
                ("values", Value::List(vec![20_000.into()])),
                ("from", at.day(OFFSET_MINUTES).into()),
                ("set_by", manager.to_string().into()),
            ];
            club.keep(at, manager, "", "parameter", &house, fee);
            let works = Audience::Circle(venues[0], circle::WORKS.into());
            for (code, name, area) in EQUIPMENT {
                let fields: Vec<(&str, Value)> =
                    vec![("code", code.into()), ("name", name.into()), ("area", area.into())];
                let id = club.keep(at, manager, "equipment", "equipment", &works, fields);
                club.equipment.push(id);
            }
            let works = Audience::Circle(venues[1], circle::WORKS.into());
            for (code, name, area) in SPORTS_EQUIPMENT {
                let fields: Vec<(&str, Value)> =
                    vec![("code", code.into()), ("name", name.into()), ("area", area.into())];
                club.keep(at, sports_manager, "equipment", "equipment", &works, fields);
            }
            let house = Audience::Circle(venues[1], circle::HOUSE.into());
            for (name, kind, months, price) in SPORTS_PRODUCTS {
                let fields: Vec<(&str, Value)> = vec![
                    ("name", name.into()),
                    ("kind", kind.into()),
                    ("term_months", months.into()),
                    ("list_price", price.into()),
                    ("active", true.into()),
                ];
                club.keep(at, sports_manager, "product", "product", &house, fields);
            }
            for (name, kind, floor, fen_per_hour) in COURTS {
                let fields: Vec<(&str, Value)> = vec![
                    ("name", name.into()),
                    ("kind", kind.into()),
                    ("floor", floor.into()),
                    ("fen_per_hour", fen_per_hour.into()),
                    ("active", true.into()),
                ];
                let id = club.keep(at, sports_manager, "resource", "resource", &house, fields);
                club.courts.push(id);
            }
        });
    }

    /// Somebody signed: the contract, paid and delivered, and the card that came of it.
    pub(super) fn card(&mut self, guest: &Guest, consultant: StaffId, at: Millis) {
        if guest.audience.venue() != self.venue("未来店") {
            return self.stored_value_card(guest, at);
        }
        if self.products.is_empty() {
            return;
        }
        self.aside(|club| {
            let products = club.products.clone();
            let (product, months, price, leave_days) = products[club.chance.below(products.len() as u64) as usize];
            // Most cards of the demo were signed long before the guest was written down here anew. They run today, but for
            // a few that have just ended: nobody's list begins with what was left undone for months.
            let back = club.chance.below(u64::try_from(months * 30 + 4).unwrap_or(30)) as i64;
            let start = reckon::plus_days(club.today, -back);
            let end = reckon::term_end(start, months);
            let deal = price - price / 20 * club.chance.below(3) as i64;
            let number = format!("W01-{:06}", 8_000 + club.cards);
            club.cards += 1;
            let (contract, card) = (club.record(at), club.record(at));
            let fields: Vec<(&str, Value)> = vec![
                ("person", guest.record.into()),
                ("membership", card.into()),
                ("kind", "membership".into()),
                ("agreement_no", format!("A-{:05}", 3_000 + club.cards).into()),
                ("member_name", guest.name.as_str().into()),
                ("gender", guest.gender.into()),
                ("mobile", guest.phone.as_str().into()),
                ("id_type", "id_card".into()),
                ("id_no", format!("330***********{:04}", club.chance.below(10_000)).into()),
                ("product", product.into()),
                ("list_price", price.into()),
                ("deal_price", deal.into()),
                ("start_on", start.into()),
                ("end_on", end.into()),
                ("term_months", months.into()),
                ("rules_explained", true.into()),
                ("health_notice", true.into()),
                ("consultant", consultant.to_string().into()),
                ("signed_on", at.day(OFFSET_MINUTES).into()),
                ("paid_amount", deal.into()),
                ("paid_at", at.into()),
                ("payment_slip_no", format!("S{:06}", 100_000 + club.cards).into()),
                ("card_no", number.as_str().into()),
                ("delivered_at", at.into()),
            ];
            let mut agreement: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("agreement", key, value)).collect();
            agreement.push(standing("agreement", "delivered", at, consultant, Vec::new()));
            let fields: Vec<(&str, Value)> = vec![
                ("person", guest.record.into()),
                ("contract", contract.into()),
                ("card_no", number.as_str().into()),
                ("owner", consultant.to_string().into()),
                ("term_months", months.into()),
                ("paid_amount", deal.into()),
                ("issued_at", at.into()),
            ];
            let mut membership: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("membership", key, value)).collect();
            let group: Vec<(&'static str, Value)> = vec![
                ("holder", guest.record.into()),
                ("product", product.into()),
                ("start_on", start.into()),
                ("end_on", end.into()),
            ];
            membership.push(standing("membership", "active", at, consultant, group));
            let person = vec![schema::write("person", "contract", contract)];
            let mut calls = club.calls_made((contract, "agreement"), &guest.audience, &agreement);
            calls.extend(club.calls_made((card, "membership"), &guest.audience, &membership));
            club.save(
                at,
                consultant,
                "F-10",
                vec![
                    (contract, "agreement", &guest.audience, agreement),
                    (card, "membership", &guest.audience, membership),
                    (guest.record, "person", &guest.audience, person),
                ],
            );
            for (at, call) in calls {
                club.save(at, consultant, "task", vec![(call.record, "task", &call.audience, call.writes)]);
            }
            if club.members.len() < 40 {
                club.members.push(Member {
                    person: guest.record,
                    name: guest.name.clone(),
                    phone: guest.phone.clone(),
                    card,
                    card_no: number,
                    paid_fen: deal,
                    start_on: start,
                    leave_days,
                    audience: guest.audience.clone(),
                });
            }
        });
    }

    /// The calls that came due for a paper or a card and were made, but for one in twelve of the last days: what is left is
    /// what people forget.
    fn calls_made(
        &mut self,
        (record, kind): (RecordId, &'static str),
        audience: &Audience,
        writes: &[Write],
    ) -> Vec<(Millis, Edit)> {
        let edit =
            Edit { record, kind: Key::of(kind), audience: audience.clone(), salt: [0; 8], writes: writes.to_vec() };
        let rank = Rank { stamp: Stamp::at(self.now), device: ENDPOINT_DEVICE, change: ChangeId::from_bytes([0; 16]) };
        let mut record = merge::begin(rank, &edit);
        merge::apply(&mut record, rank, &edit);
        let pack = Pack::of(VenueKind::Fitness);
        let due = task::due_by(
            &record,
            self.now.plus(-DAY_MS),
            &task::Ground {
                work: Work::of(VenueKind::Fitness),
                pack,
                offset_minutes: OFFSET_MINUTES,
                numbers_on: &|key, _| pack.parameter(key).map(|known| known.values.clone()).unwrap_or_default(),
                lookup: &|_| None,
                now: self.now,
            },
        );
        let mut was_made =
            |task: &task::Task| self.now.since(task.due_at) > FORGOTTEN_DAYS * DAY_MS || self.chance.below(12) > 0;
        let made = due.into_iter().filter(|task| was_made(task));
        let made = made.map(|task| {
            let at = task.due_at.plus(HOUR_MS);
            (at, task::deed_edit(&task, record.audience(), Deed::Done, at))
        });
        made.collect()
    }

    /// What is under way today: complaints, faults, a leave that waits for a signature, a refund, bookings.
    pub(super) fn under_way(&mut self, venues: &[VenueId]) {
        self.aside(|club| {
            club.cases(venues[0]);
            club.faults(venues[0]);
            club.requests();
            club.bookings(venues[1]);
            club.appointments(venues[0]);
        });
    }

    fn cases(&mut self, venue: VenueId) {
        let (desk, supervisor) = (self.staff("陈晓彤"), self.staff("吴珊"));
        let audience = Audience::Circle(venue, circle::CASES.into());
        for (place, (matter, category, severity, content, hours_ago, state)) in CASES.into_iter().enumerate() {
            let at = self.now.plus(-hours_ago * HOUR_MS);
            let Some(Member { person, name, phone, .. }) = self.members.get(place * 3).cloned() else { continue };
            let mut fields: Vec<(&str, Value)> = vec![
                ("person", person.into()),
                ("kind", "complaint".into()),
                ("complainant_name", name.into()),
                ("complainant_phone", phone.into()),
                ("respondent_matter", matter.into()),
                ("respondent_dept", "front_desk".into()),
                ("category", category.into()),
                ("severity", severity.into()),
                ("content", content.into()),
                ("first_dept", "front_desk".into()),
                ("first_person", desk.to_string().into()),
                ("received_at", at.into()),
                ("reply_due_at", at.plus(24 * HOUR_MS).into()),
            ];
            if state != "new" {
                fields.push(("first_response_at", at.plus(20 * MINUTE_MS).into()));
            }
            if matches!(state, "assigned" | "solved" | "closed") {
                fields.push(("responsible_dept", "equipment".into()));
            }
            if matches!(state, "solved" | "closed") {
                fields.push(("handling", "二号热水阀卡滞，已经换好，当班工程师电话回访。".into()));
                fields.push(("resolved_at", at.plus(6 * HOUR_MS).into()));
            }
            if state == "closed" {
                fields.push(("customer_told_at", at.plus(8 * HOUR_MS).into()));
                fields.push(("satisfied", true.into()));
                fields.push(("closed_at", at.plus(8 * HOUR_MS).into()));
            }
            let mut writes: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("case", key, value)).collect();
            let owner: Vec<(&'static str, Value)> = vec![("owner", desk.to_string().into())];
            let by = if state == "assigned" { supervisor } else { desk };
            writes.push(standing("case", state, at.plus(30 * MINUTE_MS).min(self.now), by, owner));
            let record = self.record(at);
            self.save(at.plus(30 * MINUTE_MS).min(self.now), desk, "F-21", vec![(record, "case", &audience, writes)]);
        }
    }

    fn faults(&mut self, venue: VenueId) {
        let (desk, team) = (self.staff("陈晓彤"), self.staff("赵师傅"));
        let audience = Audience::Circle(venue, circle::WORKS.into());
        for (place, description, hours_ago, state) in [
            (2, "跑带跑偏，异响", 3, "reported"),
            (5, "热水时断时续", 26, "verified"),
            (4, "导轨缺油，下行发涩", 1, "responded"),
        ] {
            let at = self.now.plus(-hours_ago * HOUR_MS);
            let mut fields: Vec<(&str, Value)> = vec![
                ("equipment", self.equipment[place].into()),
                ("description", description.into()),
                ("reported_at", at.into()),
                ("team", team.to_string().into()),
            ];
            if state != "reported" {
                fields.push(("responded_at", at.plus(40 * MINUTE_MS).into()));
            }
            if state == "verified" {
                fields.push(("repaired_at", at.plus(4 * HOUR_MS).into()));
                fields.push(("cause", "阀芯积垢卡滞".into()));
                fields.push(("minutes", 240.into()));
            }
            let mut writes: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("fault", key, value)).collect();
            writes.push(standing("fault", state, at, desk, Vec::new()));
            let record = self.record(at);
            self.save(at, desk, "F-28", vec![(record, "fault", &audience, writes)]);
        }
    }

    fn requests(&mut self) {
        let desk = self.staff("陈晓彤");
        let at = self.now.plus(-2 * HOUR_MS);
        let today = self.today;
        let has_much_left =
            |member: &&Member| member.paid_fen >= 300_000 && reckon::days_between(member.start_on, today) < 150;
        // Somebody whose card allows it goes on leave.
        let allows_leave = |member: &&Member| member.leave_days >= 30 && has_much_left(member);
        let leaver = self.members.iter().find(allows_leave).cloned();
        let leavers_card = leaver.as_ref().map(|member| member.card);
        if let Some(Member { person, name, card, card_no, leave_days, audience, .. }) = leaver {
            let fields: Vec<(&str, Value)> = vec![
                ("person", person.into()),
                ("membership", card.into()),
                ("card_no", card_no.into()),
                ("member_name", name.into()),
                ("start_on", reckon::plus_days(today, 3).into()),
                ("planned_end_on", reckon::plus_days(today, 24).into()),
                ("leave_type", "ordinary".into()),
                ("times_used", 0.into()),
                ("days_left", leave_days.into()),
                ("channel", "in_person".into()),
                ("entered_by", desk.to_string().into()),
            ];
            let mut writes: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("leave", key, value)).collect();
            writes.push(standing("leave", "awaiting_desk", at, desk, Vec::new()));
            let record = self.record(at);
            self.save(at, desk, "F-14", vec![(record, "leave", &audience, writes)]);
        }
        // Somebody else with most of a long card before them moves away.
        let moves = |member: &&Member| Some(member.card) != leavers_card && has_much_left(member);
        let mover = self.members.iter().skip(2).find(moves).cloned();
        if let Some(Member { person, name, card, card_no, paid_fen, start_on, audience, .. }) = mover
            && let Audience::Own(_, consultant) = audience
        {
            let fields: Vec<(&str, Value)> = vec![
                ("person", person.into()),
                ("membership", card.into()),
                ("card_no", card_no.into()),
                ("member_name", name.into()),
                ("applied_at", at.plus(-DAY_MS).into()),
                ("reason", "moved".into()),
                ("reason_text", "下个月调到苏州工作".into()),
                ("paid_amount", paid_fen.into()),
                ("used_value", reckon::share(paid_fen, reckon::days_between(start_on, today), 365).into()),
                ("level1_result", "escalated".into()),
                ("level_notes", Value::List(vec!["谈了转店，苏州没有门店".into()])),
                ("level_due_at", at.plus(DAY_MS).into()),
            ];
            let mut writes: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("refund", key, value)).collect();
            writes.push(standing("refund", "level1", at, consultant, vec![("level", 1.into())]));
            let record = self.record(at);
            self.save(at, consultant, "F-17", vec![(record, "refund", &audience, writes)]);
        }
    }

    /// Somebody applied at the sports venue, paid, and has a card with money on it.
    fn stored_value_card(&mut self, guest: &Guest, at: Millis) {
        self.aside(|club| {
            let desk = club.staff("马骏");
            let loaded = [100_000, 200_000, 200_000, 500_000][club.chance.below(4) as usize];
            club.cards += 1;
            let number = format!("W02-{:06}", 5_000 + club.cards);
            let (contract, card) = (club.record(at), club.record(at));
            let fields: Vec<(&str, Value)> = vec![
                ("person", guest.record.into()),
                ("membership", card.into()),
                ("kind", "membership".into()),
                ("card_kind", "stored_value".into()),
                ("card_no", number.as_str().into()),
                ("deal_amount", loaded.into()),
                ("join_amount", loaded.into()),
                ("member_name", guest.name.as_str().into()),
                ("gender", guest.gender.into()),
                ("phone", guest.phone.as_str().into()),
                ("id_type", "id_card".into()),
                ("id_no", format!("330***********{:04}", club.chance.below(10_000)).into()),
                ("decl_truth", true.into()),
                ("decl_rules", true.into()),
                ("decl_safety", true.into()),
                ("signed_on", at.day(OFFSET_MINUTES).into()),
                ("paid_amount", loaded.into()),
                ("paid_at", at.into()),
                ("delivered_at", at.into()),
            ];
            let mut agreement: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("agreement", key, value)).collect();
            agreement.push(standing("agreement", "delivered", at, desk, Vec::new()));
            let fields: Vec<(&str, Value)> = vec![
                ("person", guest.record.into()),
                ("contract", contract.into()),
                ("card_no", number.as_str().into()),
                ("card_kind", "stored_value".into()),
                ("loaded", loaded.into()),
                ("owner", desk.to_string().into()),
                ("paid_amount", loaded.into()),
                ("issued_at", at.into()),
            ];
            let mut membership: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("membership", key, value)).collect();
            membership.push(standing("membership", "active", at, desk, vec![("holder", guest.record.into())]));
            let person = vec![schema::write("person", "contract", contract)];
            club.save(
                at,
                desk,
                "F-11",
                vec![
                    (contract, "agreement", &guest.audience, agreement),
                    (card, "membership", &guest.audience, membership),
                    (guest.record, "person", &guest.audience, person),
                ],
            );
            club.sports_members.push((guest.record, card, number, guest.name.clone()));
        });
    }

    /// Guests who were called and agreed to come: one did not, two are waited for today, one tomorrow.
    fn appointments(&mut self, venue: VenueId) {
        const HALF_HOUR_MS: i64 = 30 * MINUTE_MS;
        for (minutes, kind) in [(-170, "visit"), (40, "visit"), (130, "trial"), (24 * 60, "visit")] {
            let start = self.now.plus(minutes * MINUTE_MS);
            let start = Millis(start.0 - start.0.rem_euclid(HALF_HOUR_MS) + HALF_HOUR_MS);
            let called = self.now.plus(-2 * DAY_MS - 3 * HOUR_MS);
            // A consultant waits for their own.
            let mut guest = self.guest(venue, 0, called.plus(-DAY_MS), &[]);
            while guest.owner.is_none() {
                guest = self.guest(venue, 0, called.plus(-DAY_MS), &[]);
            }
            let Some(owner) = guest.owner else { continue };
            let fields: Vec<(&str, Value)> = vec![
                ("person", guest.record.into()),
                ("kind", kind.into()),
                ("start_at", start.into()),
                ("staff", owner.to_string().into()),
                ("captured_by", owner.to_string().into()),
                ("captured_at", called.into()),
            ];
            let mut writes: Vec<Write> =
                fields.into_iter().map(|(key, value)| schema::write("appointment", key, value)).collect();
            writes.push(standing("appointment", "booked", called, owner, Vec::new()));
            let fields: Vec<(&str, Value)> =
                vec![("stage", "appointed".into()), ("visit_plan_at", start.into()), ("next_contact_at", start.into())];
            let person = fields.into_iter().map(|(key, value)| schema::write("person", key, value)).collect();
            let record = self.record(called);
            self.save(
                called,
                owner,
                "appointment",
                vec![
                    (record, "appointment", &guest.audience, writes),
                    (guest.record, "person", &guest.audience, person),
                ],
            );
        }
    }

    /// Courts of three days: what was played this morning and paid, who plays now, who comes later.
    fn bookings(&mut self, venue: VenueId) {
        let members = self.sports_members.clone();
        if members.is_empty() {
            return;
        }
        let midnight = self.now.day(OFFSET_MINUTES).begins(OFFSET_MINUTES);
        let mut next = 0;
        for day in 0..3 {
            for place in 0..self.courts.len() {
                let mut hour = 9 + self.chance.below(3) as i64;
                while hour < 21 {
                    let hours = 1 + self.chance.below(2) as i64;
                    let from = midnight.plus(day * DAY_MS + hour * HOUR_MS);
                    self.court_hour(venue, &members[next % members.len()], place, from, hours);
                    next += 1;
                    hour += hours + 1 + self.chance.below(4) as i64;
                }
            }
        }
    }

    fn court_hour(
        &mut self,
        venue: VenueId,
        member: &(RecordId, RecordId, String, String),
        place: usize,
        from: Millis,
        hours: i64,
    ) {
        let (desk, courts) = (self.staff("马骏"), self.staff("唐峰"));
        let audience = Audience::Circle(venue, circle::WORKS.into());
        let (person, card, number, name) = member;
        let until = from.plus(hours * HOUR_MS);
        let court = self.courts[place];
        let booked_at = self.now.min(from).plus(-DAY_MS);
        let has_begun = from <= self.now;
        let fields: Vec<(&str, Value)> = vec![
            ("party", (*person).into()),
            ("person", (*person).into()),
            ("resource", court.into()),
            ("start_at", from.into()),
            ("end_at", until.into()),
            ("via", if hours == 1 { "phone" } else { "desk" }.into()),
            ("taken_by", desk.to_string().into()),
        ];
        let mut writes: Vec<Write> =
            fields.into_iter().map(|(key, value)| schema::write("booking", key, value)).collect();
        let state = if has_begun { "arrived" } else { "booked" };
        writes.push(standing("booking", state, if has_begun { from } else { booked_at }, desk, Vec::new()));
        let booking = self.record(booked_at);
        self.save(booked_at, desk, "F-29", vec![(booking, "booking", &audience, writes)]);
        if !has_begun {
            return;
        }
        let is_over = until <= self.now;
        let mut fields: Vec<(&str, Value)> = vec![
            ("person", (*person).into()),
            ("membership", (*card).into()),
            ("guest_name", name.as_str().into()),
            ("card_no", number.as_str().into()),
            ("booking", booking.into()),
            ("resource", court.into()),
            ("opened_by", desk.to_string().into()),
            ("opened_at", from.into()),
            ("collected_by", courts.to_string().into()),
            ("entered_at", from.into()),
        ];
        if is_over {
            let fen = reckon::court_charge(hours * 60, COURTS[place].3, 1);
            fields.extend([
                ("exit_at", until.into()),
                ("minutes", (hours * 60).into()),
                ("amount", fen.into()),
                ("deducted", fen.into()),
                ("settled_by", desk.to_string().into()),
            ]);
        }
        let mut writes: Vec<Write> =
            fields.into_iter().map(|(key, value)| schema::write("ticket", key, value)).collect();
        let (state, at) = if is_over { ("settled", until) } else { ("on_court", from) };
        writes.push(standing("ticket", state, at, if is_over { desk } else { courts }, Vec::new()));
        let ticket = self.record(from);
        self.save(at, desk, "F-30", vec![(ticket, "ticket", &audience, writes)]);
    }
}

/// The guarded group of a record: its state, since when, by whom, and what stands beside it.
fn standing(kind: &'static str, state: &str, at: Millis, by: StaffId, beside: Vec<(&'static str, Value)>) -> Write {
    let own = [("state", state.into()), ("at", at.into()), ("by", by.to_string().into())];
    let values: BTreeMap<Key, Value> =
        own.into_iter().chain(beside).map(|(key, value)| (Key::of(key), value)).collect();
    schema::write_group(kind, "progress", values, Vec::new())
}
