//! One report: its days, its figures, its tables; printed on A4, or taken along as a workbook or text by whoever may,
//! some of them with the approval of somebody who stands beside them.

use leptos::task::spawn_local;
use yingke_core::{
    audit::Deed,
    money::Money,
    pack::{Field, FieldType, ListOf, Reference},
    paper::{field_of, is_identity},
    permit::{PhoneView, masked_id, phone_view},
    phone::PhoneNumber,
    report::{Days, Group, Span, Table as Found, csv, may_leave_the_screen},
    time::Day,
    value::Value,
    wire::v1::Staff,
    work::{Kpi, Report, ReportPart},
    xlsx::{self, Cell, Number, Row},
};

use super::{
    aim_text, days_text, due_word, ground_text, has_figure, kept_current, reads, shown_number, unit_word, writes,
};
use crate::{
    format,
    roster::{Board, ExportFile, Roster, use_roster},
    route::use_route,
    screens::{
        door::{Faces, PinPad},
        form::save_failed,
        log::deed_word,
        record_title::title_of,
        shell::Pill,
    },
    t,
    ui::{
        Button, ButtonKind, Choice, Column, EmptyState, Facts, Field as Box_, Icon, IconButton, PageHeader, Section,
        Segmented, Sheet, SheetWidth, Table, Toast, Toaster, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Rows of a group at first; on paper and in a file stand all that were counted.
const ROWS: usize = 50;
/// Characters of a long text in a cell.
const LETTERS_MAX: usize = 80;

#[component]
pub fn ReportPage() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let id = Memo::new(move |_| route.part(1).unwrap_or_default());
    move || {
        let id = id.get();
        let found = untrack(|| roster.my_reports()).into_iter().find(|report| *report.id == *id);
        untrack(|| match found {
            Some(report) => view! { <Page report/> },
            None => view! {
                <div class="page">
                    <EmptyState icon=Icon::Note title=t!(w, report_gone) text=t!(w, report_gone_text)/>
                </div>
            },
        })
    }
}

/// What was found for some days.
#[derive(Debug, Clone)]
struct Made {
    board: Board,
    tables: Vec<Found>,
}

#[component]
fn Page(report: &'static Report) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let span = Span::of_due(&report.due);
    let today = untrack(|| roster.today());
    let days = RwSignal::new(span.around(today));
    let made = made(roster, report, span, days);
    let all_rows = RwSignal::new(false);
    let exporting = RwSignal::new(false);
    let title = move || report.title.in_language(w.get().0).to_owned();
    let second = Signal::derive(move || {
        vec![due_word(w.get(), &report.due).to_owned(), writes(w.get(), report), reads(w.get(), report)]
    });
    let back = Callback::new(move |()| route.go("/board"));
    let print = move |()| {
        all_rows.set(true);
        // The rows that were left out are on the page with the next frame.
        request_animation_frame(|| {
            let _ = window().print();
        });
    };
    let may_export = roster.may_export() && report.parts.iter().any(|part| may_leave_the_screen(&part.record));
    let export = may_export.then(|| {
        view! {
            <Button
                label=t!(w, report_export)
                icon=Icon::Export
                kind=ButtonKind::Quiet
                on_press=move |()| exporting.set(true)
            />
        }
    });
    let earlier = Callback::new(move |()| days.update(|days| *days = span.before(*days)));
    let later = Callback::new(move |()| days.update(|days| *days = span.after(*days)));
    let head = move || {
        let (_, venue, organisation) = roster.tablet();
        let at = roster.now().day(roster.utc_offset_minutes());
        let printed = format::full_day(w.get(), at);
        let clock = format::clock(roster.now(), roster.utc_offset_minutes());
        w.get().report_printed(organisation, venue, format!("{printed} {clock}"))
    };
    let figures = move || {
        made.with(|made| made.as_ref().filter(|made| !made.board.figures.is_empty()).map(|made| figures(w.get(), made)))
    };
    let tables = move || {
        made.with(|made| {
            let made = made.as_ref()?;
            let parts = report.parts.iter().zip(&made.tables);
            let one =
                |(part, found): (&'static ReportPart, &Found)| part_view(roster, w, report, part, found, all_rows);
            Some(parts.map(one).collect::<View>())
        })
    };
    let texts: View = report
        .texts
        .iter()
        .map(|(_, words)| {
            view! {
                <section class="report__text only-print">
                    <h2 class="section__title">{move || words.in_language(w.get().0).to_owned()}</h2>
                    <span class="report__line"></span>
                    <span class="report__line"></span>
                    <span class="report__line"></span>
                    <span class="report__line"></span>
                </section>
            }
        })
        .collect();
    let by_hand = (!report.texts.is_empty()).then(|| {
        let named = move || {
            let words = w.get();
            let named: Vec<&str> = report.texts.iter().map(|(_, text)| text.in_language(words.0)).collect();
            words.report_by_hand(named.join(words.list_comma()))
        };
        view! { <p class="note no-print">{named}</p> }
    });
    view! {
        <PageHeader title second=slot(view! { <Facts items=second/> }) stacked=true on_back=back back_label=t!(w, back)>
            <Pill/>
            {export}
            <Button label=t!(w, report_print) icon=Icon::Print kind=ButtonKind::Primary on_press=print/>
        </PageHeader>
        <div class="page report">
            <header class="report__paper-head only-print">
                <p class="report__paper-title">{title}</p>
                <p>{move || days_text(w.get(), days.get())}</p>
                <p class="report__small">{head}</p>
            </header>
            <div class="report__days no-print">
                <IconButton icon=Icon::Back label=t!(w, report_earlier) on_press=earlier/>
                <p class="report__range" aria-live="polite">{move || days_text(w.get(), days.get())}</p>
                <IconButton icon=Icon::Forward label=t!(w, report_later) on_press=later/>
            </div>
            {move || made.with(Option::is_none).then(|| view! { <p class="note" role="status">{w.get().board_counting()}</p> })}
            {figures}
            {tables}
            {by_hand}
            {texts}
        </div>
        {shown(
            move || exporting.get(),
            move || view! { <ExportSheet report days made on_close=move |()| exporting.set(false)/> },
        )}
    }
}

/// Works the report out for the days chosen, again when a record has changed.
fn made(roster: Roster, report: &'static Report, span: Span, days: RwSignal<Days>) -> RwSignal<Option<Made>> {
    let kinds: Vec<&'static str> = report.parts.iter().map(|part| &*part.record).collect();
    let all: &'static [Kpi] = &roster.work().kpis;
    let kpis = report.kpis.iter().filter_map(|id| all.iter().find(|kpi| kpi.id == *id));
    let kpis: Vec<&'static Kpi> = kpis.filter(|_| roster.sees_figures()).collect();
    let asked = move || {
        roster.ask(&kinds, |_| ());
        days.get()
    };
    kept_current(asked, move |days, wanted| {
        let compared = span.compared(days, roster.now().day(roster.utc_offset_minutes()));
        let kpis = kpis.clone();
        async move {
            let tables = roster.tables(report, days, move || wanted.still()).await?;
            let board = match kpis.is_empty() {
                true => Board::default(),
                false => roster.count(kpis, days, compared, move || wanted.still()).await?,
            };
            Some(Made { board, tables })
        }
    })
}

// ---- On the page ------------------------------------------------------------------------------------------------

fn figures(words: Words, made: &Made) -> View {
    let head = |label: &str, figures| Column { label: label.to_owned(), figures };
    let columns = vec![
        head(words.report_figure(), false),
        head(words.report_value(), true),
        head(words.report_aim(), true),
        head(words.report_ground(), false),
    ];
    let rows: View = figure_lines(words, made)
        .into_iter()
        .map(|[name, value, aim, ground]| {
            view! {
                <tr>
                    <th scope="row">{name}</th>
                    <td class="figure">{value}</td>
                    <td class="figure">{aim}</td>
                    <td>{ground}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <Section title=words.board_figures() ruled=false>
            <Table caption=words.board_figures().to_owned() columns>{rows}</Table>
        </Section>
    }
}

/// Name, value, aim and what it was counted from.
fn figure_lines(words: Words, made: &Made) -> Vec<[String; 4]> {
    let line = |counted: &crate::roster::Counted| {
        let kpi = counted.kpi;
        let figure = counted.now.filter(|figure| has_figure(Some(*figure)));
        let value = figure.and_then(|figure| figure.hundredths()).map_or_else(
            || words.report_no_figure().to_owned(),
            |hundredths| format!("{}{}", shown_number(hundredths), unit_word(words, &kpi.unit)),
        );
        let ground = figure.map(|figure| ground_text(words, kpi, figure)).unwrap_or_default();
        [kpi.label.in_language(words.0).to_owned(), value, aim_text(words, kpi).unwrap_or_default(), ground]
    };
    made.board.figures.iter().map(line).collect()
}

fn part_view(
    roster: Roster,
    w: Signal<Words>,
    report: &'static Report,
    part: &'static ReportPart,
    found: &Found,
    all_rows: RwSignal<bool>,
) -> View {
    let words = w.get();
    // Several parts of a report carry its name: then what they hold tells them apart.
    let same = report.parts.iter().filter(|other| other.title == part.title).count() > 1;
    let title = if same {
        crate::screens::record_title::kind_of(roster, words, &part.record)
    } else {
        part.title.in_language(words.0).to_owned()
    };
    let count = found.len();
    if found.is_empty() {
        return view! {
            <Section title=title ruled=false><p class="note">{words.report_none()}</p></Section>
        };
    }
    let columns: Vec<Column> = found
        .columns
        .iter()
        .zip(&found.sums)
        .map(|(column, sum)| Column { label: label_of(roster, words, part, column), figures: sum.is_some() })
        .collect();
    let width = columns.len().to_string();
    let grouped = !part.group.is_empty();
    let rows: View =
        found.groups.iter().map(|group| group_view(roster, w, part, found, group, &width, grouped, all_rows)).collect();
    let has_sum = found.sums.iter().any(Option::is_some);
    let table = if has_sum {
        let sum = sum_row(roster, words, part, found, &found.sums, words.board_all().to_owned());
        view! { <Table caption=title.clone() columns sum>{rows}</Table> }
    } else {
        view! { <Table caption=title.clone() columns>{rows}</Table> }
    };
    view! { <Section title=title aside=words.report_count(count) ruled=false>{table}</Section> }
}

#[expect(clippy::too_many_arguments, reason = "a part of the page, with all that it is drawn from")]
fn group_view(
    roster: Roster,
    w: Signal<Words>,
    part: &'static ReportPart,
    found: &Found,
    group: &Group,
    width: &str,
    grouped: bool,
    all_rows: RwSignal<bool>,
) -> View {
    let words = w.get();
    let count = group.rows.len();
    let name = group_name(roster, words, part, group);
    let head = grouped.then(|| {
        let sums = group_sums(roster, words, part, found, group);
        view! {
            <tr class="report__group">
                <th scope="colgroup" colspan=width.to_owned()>{words.report_group(name, count)} {sums}</th>
            </tr>
        }
    });
    let limit = if all_rows.get() { usize::MAX } else { ROWS };
    let rows: View = group
        .rows
        .iter()
        .take(limit)
        .map(|row| {
            let cells = found.columns.iter().zip(&row.cells).zip(&found.sums);
            cells
                .map(|((column, cell), sum)| {
                    let text = cell_text(roster, words, part, column, cell.as_ref());
                    let class = if sum.is_some() { "figure" } else { "report__cell" };
                    view! { <td class=class>{text}</td> }
                })
                .collect::<View>()
        })
        .map(|cells| view! { <tr>{cells}</tr> })
        .collect();
    let more = count.saturating_sub(limit);
    let more = (more > 0).then(|| {
        view! {
            <tr>
                <td colspan=width.to_owned()>
                    <Button
                        label=words.report_all_rows(more)
                        kind=ButtonKind::Text
                        icon=Icon::Down
                        on_press=move |()| all_rows.set(true)
                    />
                </td>
            </tr>
        }
    });
    view! { {head} {rows} {more} }
}

fn group_name(roster: Roster, words: Words, part: &ReportPart, group: &Group) -> String {
    let name = cell_text(roster, words, part, &part.group, group.of.as_ref());
    if name.is_empty() { words.report_not_filled().to_owned() } else { name }
}

/// `现金合计¥300.00` of a group.
fn group_sums(roster: Roster, words: Words, part: &ReportPart, found: &Found, group: &Group) -> String {
    let sums = found.columns.iter().zip(&group.sums).filter_map(|(column, sum)| {
        let value = cell_text(roster, words, part, column, Some(&Value::Int((*sum)?)));
        Some(words.report_sum(label_of(roster, words, part, column), value))
    });
    sums.collect::<Vec<_>>().join(words.list_comma())
}

fn sum_row(
    roster: Roster,
    words: Words,
    part: &ReportPart,
    found: &Found,
    sums: &[Option<i64>],
    label: String,
) -> View {
    let mut label = Some(label);
    let cells: View = found
        .columns
        .iter()
        .zip(sums)
        .map(|(column, sum)| match sum {
            Some(sum) => {
                let text = cell_text(roster, words, part, column, Some(&Value::Int(*sum)));
                view! { <td class="figure">{text}</td> }
            }
            None => view! { <td>{label.take()}</td> },
        })
        .collect();
    view! { <tr>{cells}</tr> }
}

fn column_field(roster: Roster, part: &ReportPart, column: &str) -> Option<&'static Field> {
    field_of(roster.pack(), &part.record, column)
}

/// What a column is called: as its form calls the field, else by a word of our own.
fn label_of(roster: Roster, words: Words, part: &ReportPart, column: &str) -> String {
    if let Some(field) = column_field(roster, part, column) {
        return field.label.in_language(words.0).to_owned();
    }
    match column {
        "person" => words.report_col_person(),
        "staff" | "by" => words.report_col_staff(),
        "author" => words.report_col_author(),
        "approver" => words.report_col_approver(),
        "owner" => words.report_col_owner(),
        "card_no" => words.report_col_card(),
        "end_on" => words.report_col_end(),
        "minutes" => words.report_col_minutes(),
        "stage" => words.report_col_stage(),
        "done_at" | "done_on" => words.report_col_done(),
        "at" => words.report_col_at(),
        "deed" => words.log_kinds(),
        "due_at" | "due_on" => words.report_col_due(),
        "closed_at" => words.report_col_closed(),
        "customer_told_at" => words.report_col_told(),
        "resolved_at" => words.report_col_resolved(),
        "replied_at" => words.report_col_replied(),
        "received_at" | "captured_at" | "rated_at" | "reported_at" => words.report_col_begun(),
        "responded_at" => words.report_col_responded(),
        "repaired_at" => words.report_col_repaired(),
        "paid_at" => words.report_col_paid(),
        "score" => words.report_col_score(),
        "final_decision" => words.report_col_decision(),
        "final_amount" => words.report_col_final_amount(),
        "confirmed" => words.report_col_confirmed(),
        "verified" => words.report_col_verified(),
        "deducted" => words.report_col_deducted(),
        "numbers_collected" => words.report_col_numbers(),
        "passes_issued" => words.report_col_passes(),
        other => return other.replace('_', " "),
    }
    .to_owned()
}

/// A value as people read it. What my post may not see whole stands masked.
fn cell_text(roster: Roster, words: Words, part: &ReportPart, column: &str, value: Option<&Value>) -> String {
    let Some(value) = value else { return String::new() };
    let field = column_field(roster, part, column);
    let kind = field.map(|field| &field.kind);
    if field.is_some_and(is_identity) {
        return value.as_text().map(masked_id).unwrap_or_default();
    }
    let offset_minutes = roster.utc_offset_minutes();
    match value {
        Value::Empty | Value::Bytes(_) => String::new(),
        Value::Bool(yes) => if *yes { words.yes() } else { words.no() }.to_owned(),
        Value::Day(day) => format::full_day(words, *day),
        Value::At(at) => format!("{} {}", at.day(offset_minutes), format::clock(*at, offset_minutes)),
        Value::Id(id) => {
            let other = untrack(|| roster.record(*id));
            other.map(|other| untrack(|| title_of(roster, words, &other))).unwrap_or_default()
        }
        Value::Int(number) => match kind {
            Some(FieldType::Money) => money(*number),
            Some(FieldType::Decimal) => shown_number(*number),
            None if is_sum(column) => money(*number),
            _ => number.to_string(),
        },
        Value::List(values) => {
            let texts: Vec<String> =
                values.iter().map(|value| cell_text(roster, words, part, column, Some(value))).collect();
            let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            texts.join(words.list_comma())
        }
        Value::Text(text) => {
            if let Some(phone) = PhoneNumber::from_e164(text) {
                let is_whole = phone_view(&roster.posts(), true) == PhoneView::Whole;
                return if is_whole { phone.shown() } else { phone.masked() };
            }
            let list = match kind {
                Some(FieldType::Enum(list) | FieldType::Multi(list)) => Some(&**list),
                Some(FieldType::Ref(Reference::Department)) => Some("dept_kind"),
                _ => None,
            };
            if let Some(list) = list {
                return roster.pack().word(list, text, words.0).to_owned();
            }
            if matches!(
                kind,
                Some(FieldType::Signature | FieldType::Photo | FieldType::File | FieldType::List(ListOf::Photos))
            ) {
                return words.report_attached().to_owned();
            }
            let staff = untrack(|| roster.staff_name(text));
            if !staff.is_empty() {
                return staff;
            }
            if column == "stage" {
                return stage_word(words, text);
            }
            if let Some(deed) = Deed::from_key(text).filter(|_| column == "deed") {
                return deed_word(words, deed).to_owned();
            }
            first_letters(text)
        }
    }
}

/// The number or day that the words of a cell stand for, so that a spreadsheet can reckon with it.
fn cell_number(roster: Roster, part: &ReportPart, column: &str, value: Option<&Value>) -> Option<Number> {
    let kind = column_field(roster, part, column).map(|field| &field.kind);
    match (value?, kind) {
        (Value::Day(day), _) => Some(Number::Day(*day)),
        (Value::Int(number), Some(FieldType::Money | FieldType::Decimal)) => Some(Number::Hundredths(*number)),
        (Value::Int(number), None) if is_sum(column) => Some(Number::Hundredths(*number)),
        (Value::Int(number), _) => Some(Number::Whole(*number)),
        _ => None,
    }
}

/// Columns of money that no form asks for.
fn is_sum(column: &str) -> bool {
    matches!(column, "total" | "amount" | "deducted" | "final_amount" | "bonus_amount")
}

fn stage_word(words: Words, stage: &str) -> String {
    match stage {
        "new" => words.stage_new(),
        "contacted" => words.stage_contacted(),
        "appointed" => words.stage_appointed(),
        "visited" => words.stage_visited(),
        "negotiating" => words.stage_negotiating(),
        "tracking" => words.stage_tracking(),
        "won" => words.stage_won(),
        "lost" => words.stage_lost(),
        "dormant" => words.stage_dormant(),
        other => other,
    }
    .to_owned()
}

/// `¥4,280.00`; a sum that was given back has its sign.
fn money(fen: i64) -> String {
    let sign = if fen < 0 { "−" } else { "" };
    Money::from_fen(fen.abs()).map_or_else(|| fen.to_string(), |sum| format!("{sign}¥{}", sum.shown()))
}

fn first_letters(text: &str) -> String {
    let short: String = text.chars().take(LETTERS_MAX).collect();
    if text.chars().count() > LETTERS_MAX { format!("{short}…") } else { short }
}

// ---- As a file --------------------------------------------------------------------------------------------------

/// Asks what the file is for, writes it down, and hands it over.
#[component]
fn ExportSheet(
    report: &'static Report,
    days: RwSignal<Days>,
    made: RwSignal<Option<Made>>,
    #[prop(into)] on_close: Callback<()>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let reason = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<String>);
    let form = RwSignal::new(XLSX.to_owned());
    let forms = Signal::derive(move || {
        vec![Choice::new(XLSX, w.get().report_export_xlsx()), Choice::new(CSV, w.get().report_export_csv())]
    });
    let busy = StoredValue::new(false);
    let is_ready = move || {
        let is_missing = reason.with_untracked(|reason| reason.trim().is_empty());
        if is_missing {
            problem.set(Some(w.get_untracked().report_export_reason_missing().to_owned()));
            crate::ui::focus_on("export-reason");
        }
        !is_missing
    };
    let save = Callback::new(move |()| {
        let words = w.get_untracked();
        if !is_ready() {
            return;
        }
        let Some(made) = made.get_untracked() else { return };
        if busy.get_value() {
            return;
        }
        busy.set_value(true);
        let days = days.get_untracked();
        let title = report.title.in_language(words.0).to_owned();
        let rows = untrack(|| rows(roster, words, report, days, &made));
        let file = file_of(&title, days, &form.get_untracked(), &rows);
        let scope = format!("{} {title} {}", report.id, days_text(words, days));
        let reason = reason.get_untracked();
        spawn_local(async move {
            let told = match roster.export(&file, &scope, reason.trim()).await {
                Ok(true) => words.report_exported(&file.name),
                Ok(false) => words.report_export_failed().to_owned(),
                Err(error) => save_failed(words, &error).to_owned(),
            };
            let _ = busy.try_update_value(|busy| *busy = false);
            roster.dismiss();
            toaster.tell(Toast::new(told));
            on_close.run(());
        });
    });
    let asked = view! {
        <div class="stack">
            <p class="note">{t!(w, report_export_text)}</p>
            <Box_
                id="export-reason"
                label=t!(w, report_export_reason)
                value=reason
                on_input=move |typed: String| {
                    problem.set(None);
                    reason.set(typed);
                }
                lines=3
                length_max=500
                problem
            />
            <Segmented
                label=t!(w, report_export_form)
                options=forms
                chosen=form
                on_choose=move |key| form.set(key)
            />
        </div>
    };
    if roster.approves_exports() {
        let foot = slot(view! {
            <Button label=t!(w, report_export_do) icon=Icon::Export kind=ButtonKind::Primary on_press=save/>
        });
        return view! { <Sheet title=t!(w, report_export) close_label=t!(w, close) on_close foot>{asked}</Sheet> };
    }
    // First what for: whoever approves it reads that.
    let approver = RwSignal::new(None::<Staff>);
    let choose = Callback::new(move |staff| {
        if is_ready() {
            approver.set(Some(staff));
        }
    });
    on_cleanup(move || roster.dismiss());
    let approved = Callback::new(move |()| if is_ready() { save.run(()) } else { roster.dismiss() });
    let approvers = Signal::derive(move || roster.export_approvers());
    let nobody = move || approvers.with(Vec::is_empty).then(|| view! { <p>{t!(w, report_export_nobody)}</p> });
    view! {
        <Sheet
            title=t!(w, report_export)
            second=t!(w, report_export_approval_text)
            close_label=t!(w, close)
            on_close
            width=SheetWidth::Compare
        >
            <div class="approve">
                <div class="approve__people">
                    {asked}
                    {nobody}
                    <Faces
                        staff=approvers
                        chosen=Signal::derive(move || approver.get().map(|staff| staff.id))
                        on_choose=choose
                        label=t!(w, report_export_approval)
                    />
                </div>
                <div class="approve__pin">
                    <PinPad
                        chosen=approver
                        choose=t!(w, approve_choose)
                        let_in=|roster, staff, pin| Box::pin(roster.admit(staff, pin))
                        on_in=approved
                    />
                </div>
            </div>
        </Sheet>
    }
}

/// How a file may be written; these are its endings too.
const XLSX: &str = "xlsx";
const CSV: &str = "csv";

fn file_of(title: &str, days: Days, form: &str, rows: &[Row]) -> ExportFile {
    let name = file_name(title, days, form);
    if form == XLSX {
        return ExportFile { name, media: xlsx::MEDIA, bytes: xlsx::workbook(title, rows) };
    }
    let text = |row: &Row| row.cells.iter().map(|cell| cell.text.clone()).collect();
    let lines: Vec<Vec<String>> = rows.iter().map(text).collect();
    ExportFile { name, media: "text/csv", bytes: csv(&lines).into_bytes() }
}

/// `客户满意度-2026-11-01-2026-11-30.xlsx`; letters that a file system may not like are left out.
fn file_name(title: &str, days: Days, form: &str) -> String {
    let title: String = title.chars().filter(|letter| letter.is_alphanumeric() || *letter == '-').collect();
    let of = |day: Day| day.to_string();
    if days.first == days.last {
        format!("{title}-{}.{form}", of(days.first))
    } else {
        format!("{title}-{}-{}.{form}", of(days.first), of(days.last))
    }
}

/// The whole report as rows of cells: what it is, its figures, its tables with every row.
fn rows(roster: Roster, words: Words, report: &'static Report, days: Days, made: &Made) -> Vec<Row> {
    let (_, venue, organisation) = roster.tablet();
    let title = report.title.in_language(words.0).to_owned();
    let of_texts = |texts: Vec<String>, is_head| Row { cells: texts.into_iter().map(Cell::from).collect(), is_head };
    let mut rows = vec![
        of_texts(vec![title, days.first.to_string(), days.last.to_string()], true),
        of_texts(vec![organisation, venue], false),
    ];
    if !made.board.figures.is_empty() {
        let head = [words.report_figure(), words.report_value(), words.report_aim(), words.report_ground()];
        rows.push(Row::default());
        rows.push(of_texts(head.map(str::to_owned).to_vec(), true));
        rows.extend(figure_lines(words, made).into_iter().map(|line| of_texts(line.to_vec(), false)));
    }
    for (part, found) in report.parts.iter().zip(&made.tables).filter(|(part, _)| may_leave_the_screen(&part.record)) {
        rows.push(Row::default());
        let grouped = !part.group.is_empty();
        let of_group = grouped.then(|| label_of(roster, words, part, &part.group));
        let labels = found.columns.iter().map(|column| label_of(roster, words, part, column));
        rows.push(of_texts(of_group.into_iter().chain(labels).collect(), true));
        for group in &found.groups {
            let name = grouped.then(|| Cell::from(group_name(roster, words, part, group)));
            for row in &group.rows {
                let cells = found.columns.iter().zip(&row.cells).map(|(column, value)| Cell {
                    text: cell_text(roster, words, part, column, value.as_ref()),
                    number: cell_number(roster, part, column, value.as_ref()),
                });
                rows.push(Row { cells: name.clone().into_iter().chain(cells).collect(), is_head: false });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_report_and_days() {
        let day = |text| Day::parse(text).unwrap();
        let days = Days { first: day("2026-11-01"), last: day("2026-11-30") };
        assert_eq!(file_name("转卡、退卡/转店", days, CSV), "转卡退卡转店-2026-11-01-2026-11-30.csv");
        let days = Days { first: day("2026-11-22"), last: day("2026-11-22") };
        assert_eq!(file_name("Daily enquiries", days, XLSX), "Dailyenquiries-2026-11-22.xlsx");
    }

    #[test]
    fn sums_of_money_have_their_sign() {
        assert_eq!([money(428_000), money(-100), money(0)], ["¥4,280.00", "−¥1.00", "¥0.00"]);
    }
}
