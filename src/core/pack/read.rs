//! Reads the text that the build makes of a pack.
//!
//! One line a thing; its first letter says what it is, tabs part its columns. Words are three columns, the second
//! empty where both Chinese ways of writing are the same. Whatever has no letter that is known here is passed over
//! with the lines that belong to it, so that an older client still reads a newer pack's forms.

use std::collections::BTreeMap;

use super::{
    Checklist, ChecklistItem, Condition, DefaultValue, Field, FieldType, Form, Item, ListOf, Pack, PackError,
    Parameter, Prompt, Reference, Required, Route, Rule, Section, Stop, Test, Unit, VenueKind, Words,
};
use crate::change::Key;

/// The columns of a line after its letter.
pub(crate) struct Columns<'a>(std::str::Split<'a, char>);

impl<'a> Columns<'a> {
    pub(crate) fn of(line: &'a str) -> (&'a str, Self) {
        let mut columns = line.split('\t');
        let letter = columns.next().unwrap_or_default();
        (letter, Self(columns))
    }

    pub(crate) fn next(&mut self) -> &'a str {
        self.0.next().unwrap_or_default()
    }

    pub(crate) fn words(&mut self) -> Words {
        let (zh_hans, zh_hant, en) = (self.next(), self.next(), self.next());
        Words {
            zh_hans: zh_hans.into(),
            zh_hant: if zh_hant.is_empty() { zh_hans } else { zh_hant }.into(),
            en: en.into(),
        }
    }

    fn words_if_any(&mut self) -> Option<Words> {
        Some(self.words()).filter(|words| !words.zh_hans.is_empty())
    }
}

/// Whether letters name a kind of venue; none name all.
pub(crate) fn shown(letters: &str, kind: VenueKind) -> bool {
    letters.is_empty() || letters.contains(kind.letter())
}

pub(super) fn pack(kind: VenueKind, common: &str, own: &str) -> Result<Pack, PackError> {
    let nothing = Words { zh_hans: "".into(), zh_hant: "".into(), en: "".into() };
    let mut pack = Pack {
        kind,
        version: 0,
        title: nothing,
        forms: Vec::new(),
        lists: BTreeMap::new(),
        parameters: BTreeMap::new(),
        checklists: Vec::new(),
        prompts: Vec::new(),
        routes: Vec::new(),
    };
    for text in [common, own] {
        // Whether lines that belong to the last head are of this kind of venue.
        let mut taken = true;
        let mut list: Box<str> = "".into();
        for (number, line) in text.lines().enumerate() {
            if read_line(line, &mut pack, &mut list, &mut taken).is_none() {
                return Err(PackError { line: number + 1 });
            }
        }
    }
    for form in &mut pack.forms {
        form.sections.retain(|section| !section.fields.is_empty());
    }
    Ok(pack)
}

fn read_line(line: &str, pack: &mut Pack, list: &mut Box<str>, taken: &mut bool) -> Option<()> {
    let (letter, mut columns) = Columns::of(line);
    match letter {
        "p" => {
            let version: u32 = columns.next().parse().ok()?;
            // What is common to all comes first; a next version of either is a next version of the whole.
            pack.version = pack.version.saturating_add(version).saturating_sub(u32::from(pack.version > 0));
            pack.title = columns.words();
        }
        "l" => {
            *list = columns.next().into();
            pack.lists.insert(list.clone(), Vec::new());
        }
        "i" => {
            let (key, letters) = (columns.next().into(), columns.next());
            let item = Item { key, offered: shown(letters, pack.kind), words: columns.words() };
            pack.lists.get_mut(list)?.push(item);
        }
        "n" => {
            let key = columns.next().into();
            let unit = unit(columns.next())?;
            let values = numbers(columns.next())?;
            pack.parameters.insert(key, Parameter { values, unit, label: columns.words() });
        }
        "c" => {
            *taken = shown(columns.next(), pack.kind);
            if *taken {
                let id = columns.next().into();
                pack.checklists.push(Checklist { id, title: columns.words(), items: Vec::new() });
            }
        }
        "k" if *taken => {
            let key = columns.next().into();
            let optional = columns.next() == "o";
            pack.checklists.last_mut()?.items.push(ChecklistItem { key, optional, label: columns.words() });
        }
        "t" => {
            *taken = shown(columns.next(), pack.kind);
            if *taken {
                let id = columns.next().into();
                pack.prompts.push(Prompt { id, title: columns.words(), points: Vec::new() });
            }
        }
        "o" if *taken => pack.prompts.last_mut()?.points.push(columns.words()),
        "r" => {
            let key = columns.next().into();
            pack.routes.push(Route { key, title: columns.words(), stops: Vec::new() });
        }
        "w" => {
            let key = columns.next().into();
            let floor = columns.next().parse().ok()?;
            pack.routes.last_mut()?.stops.push(Stop { key, floor, label: columns.words(), points: vec![] });
        }
        "h" => pack.routes.last_mut()?.stops.last_mut()?.points.push(columns.words()),
        "f" => {
            *taken = shown(columns.next(), pack.kind);
            if *taken {
                let (id, record) = (columns.next().into(), columns.next().into());
                let copies = columns.next().parse().ok()?;
                pack.forms.push(Form { id, record, copies, title: columns.words(), sections: Vec::new() });
            }
        }
        "s" if *taken => {
            let key = columns.next().into();
            let columns_printed = columns.next().parse().ok()?;
            let title = columns.words();
            let section =
                Section { key, title, text: columns.words_if_any(), columns: columns_printed, fields: vec![] };
            pack.forms.last_mut()?.sections.push(section);
        }
        "x" if *taken && shown(columns.next(), pack.kind) => {
            let field = field(&mut columns)?;
            pack.forms.last_mut()?.sections.last_mut()?.fields.push(field);
        }
        _ => {}
    }
    Some(())
}

fn field(columns: &mut Columns<'_>) -> Option<Field> {
    let key = Key::parse(columns.next()).ok()?;
    let kind = field_type(columns.next())?;
    let required = required(columns.next())?;
    let default = columns.next();
    let default = if default.is_empty() { None } else { Some(default_value(default)?) };
    let mut rules = Vec::new();
    for text in columns.next().split(',').filter(|text| !text.is_empty()) {
        rules.push(rule(text)?);
    }
    let marks = columns.next();
    let label = columns.words();
    let mut rules = rules.into_iter();
    Some(Field {
        key,
        label,
        note: columns.words_if_any(),
        kind,
        required,
        default,
        rule: rules.next(),
        more_rules: rules.collect(),
        added: marks.contains('a'),
        unprinted: marks.contains('u'),
    })
}

pub(crate) fn field_type(text: &str) -> Option<FieldType> {
    let (name, argument) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, argument)) => (name, argument),
        None => (text, ""),
    };
    Some(match name {
        "text" => FieldType::Text(argument.parse().ok()?),
        "long_text" => FieldType::LongText,
        "phone" => FieldType::Phone,
        "name" => FieldType::Name,
        "email" => FieldType::Email,
        "date" => FieldType::Date,
        "datetime" => FieldType::Datetime,
        "time" => FieldType::Time,
        "int" => {
            let (min, max) = argument.split_once(',')?;
            FieldType::Int(min.parse().ok()?, max.parse().ok()?)
        }
        "decimal" => FieldType::Decimal,
        "money" => FieldType::Money,
        "bool" => FieldType::Bool,
        "enum" => FieldType::Enum(argument.into()),
        "multi" => FieldType::Multi(argument.into()),
        "ref" => FieldType::Ref(Reference::from_key(argument)?),
        "checklist" => FieldType::Checklist(argument.into()),
        "resident_id" => FieldType::ResidentId,
        "passport" => FieldType::Passport,
        "signature" => FieldType::Signature,
        "photo" => FieldType::Photo,
        "file" => FieldType::File,
        "rating5" => FieldType::Rating,
        "score100" => FieldType::Score,
        "stops" => FieldType::Stops(Key::parse(argument).ok()?),
        "list" => match argument {
            "staff" => FieldType::StaffList,
            "text" => FieldType::List(ListOf::Texts),
            "int" => FieldType::List(ListOf::Numbers),
            "datetime" => FieldType::List(ListOf::Datetimes),
            "photo" => FieldType::List(ListOf::Photos),
            "gift" => FieldType::List(ListOf::Gifts),
            "charge" => FieldType::List(ListOf::Charges),
            reference => FieldType::List(ListOf::Refs(Reference::from_key(reference)?)),
        },
        _ => return None,
    })
}

fn required(text: &str) -> Option<Required> {
    Some(match text {
        "y" => Required::Yes,
        "" => Required::No,
        "a" => Required::Auto,
        "l" => Required::Later,
        _ => {
            let (when, rest) = text.split_once(' ')?;
            let mut conditions = Vec::new();
            for part in rest.split(' ') {
                conditions.push(condition(part)?);
            }
            match when {
                "when" => Required::When(conditions),
                "unless" => Required::Unless(conditions),
                _ => return None,
            }
        }
    })
}

/// `field=a|b`, `field?` filled, `field-` empty, `field+` yes, `field!` no, `field<4`, `field>from/parameter`.
fn condition(text: &str) -> Option<Condition> {
    let place = text.find(['=', '?', '-', '+', '!', '<', '>'])?;
    let (field, test) = text.split_at(place);
    let rest = &test[1..];
    Some(Condition {
        field: Key::parse(field).ok()?,
        test: match &test[..1] {
            "=" => Test::Is(rest.split('|').map(Box::from).collect()),
            "?" => Test::Filled,
            "-" => Test::Empty,
            "+" => Test::Yes,
            "!" => Test::No,
            "<" => Test::Below(rest.parse().ok()?),
            _ => {
                let (from, parameter) = rest.split_once('/')?;
                Test::HoursAfter { field: Key::parse(from).ok()?, parameter: parameter.into() }
            }
        },
    })
}

fn default_value(text: &str) -> Option<DefaultValue> {
    Some(match text {
        "now" => DefaultValue::Now,
        "today" => DefaultValue::Today,
        "me" => DefaultValue::Me,
        "outing" => DefaultValue::Outing,
        "one" => DefaultValue::One,
        "yes" => DefaultValue::Yes,
        "no" => DefaultValue::No,
        "venue" => DefaultValue::Venue,
        "card" => DefaultValue::Card,
        _ => DefaultValue::Code(text.strip_prefix('=')?.into()),
    })
}

fn rule(text: &str) -> Option<Rule> {
    let mut parts = text.split(' ');
    let name = parts.next()?;
    let key = |part: Option<&str>| Key::parse(part?).ok();
    Some(match name {
        "past" => Rule::Past,
        "future" => Rule::Future,
        "positive" => Rule::Positive,
        "year_month" => Rule::YearMonth,
        "full_name" => Rule::FullName,
        "agreed" => Rule::Agreed,
        "id_number" => Rule::IdNumber,
        "id_number_of" => Rule::IdNumberOf(key(parts.next())?),
        "not_before" => Rule::NotBefore(key(parts.next())?),
        "after" => Rule::After(key(parts.next())?),
        "at_most" => Rule::AtMost(key(parts.next())?),
        "yes_with" => Rule::YesWith(key(parts.next())?),
        "no_with" => Rule::NoWith(key(parts.next())?),
        "yes_if" => Rule::YesIf(key(parts.next())?),
        "or" => Rule::OneOf(key(parts.next())?),
        "at_most_rest" => Rule::AtMostRest(key(parts.next())?, key(parts.next())?),
        _ => return None,
    })
}

pub(crate) fn numbers(text: &str) -> Option<Vec<i64>> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    let mut values = Vec::new();
    for part in parts {
        values.push(part.parse().ok()?);
    }
    Some(values)
}

fn unit(text: &str) -> Option<Unit> {
    Some(match text {
        "s" => Unit::Seconds,
        "min" => Unit::Minutes,
        "h" => Unit::Hours,
        "day" => Unit::Days,
        "month" => Unit::Months,
        "oclock" => Unit::OClock,
        "time" => Unit::TimeOfDay,
        "fen" => Unit::Fen,
        "ppm" => Unit::Ppm,
        "percent" => Unit::Percent,
        "deg" => Unit::Degrees,
        "times" => Unit::Times,
        "yes" => Unit::Yes,
        _ => return None,
    })
}
