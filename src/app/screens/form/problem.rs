//! One sentence for each problem: what is wrong, and the way out.

use yingke_core::{
    change::Key,
    form::ProblemCode,
    pack::{Field, FieldType},
    typed::half_width,
};

use crate::words::Words;

pub(super) fn is_choice(field: &Field) -> bool {
    match &field.kind {
        FieldType::Bool
        | FieldType::Enum(_)
        | FieldType::Multi(_)
        | FieldType::Ref(_)
        | FieldType::StaffList
        | FieldType::Checklist(_)
        | FieldType::Rating
        | FieldType::Stops(_) => true,
        FieldType::Text(_)
        | FieldType::LongText
        | FieldType::Phone
        | FieldType::Name
        | FieldType::Date
        | FieldType::Datetime
        | FieldType::Int(..)
        | FieldType::Money
        | FieldType::ResidentId
        | FieldType::Passport
        | FieldType::Email
        | FieldType::Time
        | FieldType::Decimal
        | FieldType::Signature
        | FieldType::Photo
        | FieldType::File
        | FieldType::Score
        | FieldType::List(_) => false,
    }
}

pub(super) fn problem_words(
    w: Words,
    code: &ProblemCode,
    typed: &str,
    is_choice: bool,
    is_instant: bool,
    label: impl Fn(&Key) -> String,
) -> String {
    match code {
        ProblemCode::Required if is_choice => w.problem_missing_choice().into(),
        ProblemCode::Required => w.problem_missing().into(),
        ProblemCode::PhoneTooShort { missing } if begins_as_mobile(typed) => w.problem_phone_short(*missing),
        ProblemCode::PhoneTooShort { missing } => w.problem_digits_short(*missing),
        ProblemCode::PhoneTooLong { extra } => w.problem_digits_long(*extra),
        ProblemCode::PhoneLetters => w.problem_phone_letters().into(),
        ProblemCode::PhoneNotANumber => w.problem_phone_signs().into(),
        ProblemCode::PhoneUnknownPrefix => w.problem_phone_prefix().into(),
        ProblemCode::NameTooLong { max } | ProblemCode::TooLong { max } => w.problem_too_long(max),
        ProblemCode::NameHasDigits => w.problem_name_digits().into(),
        ProblemCode::NameHasSymbols => w.problem_name_symbols().into(),
        ProblemCode::NotANumber => w.problem_not_a_number().into(),
        ProblemCode::OutOfRange { min, max } => w.problem_out_of_range(min, max),
        ProblemCode::NotPositive => w.problem_not_positive().into(),
        ProblemCode::MoneyNegative => w.problem_money_negative().into(),
        ProblemCode::MoneyTooFine => w.problem_money_too_fine().into(),
        ProblemCode::MoneyTooMuch => w.problem_money_too_much().into(),
        ProblemCode::NotADate if is_instant => w.problem_not_an_instant().into(),
        ProblemCode::NotADate => w.problem_not_a_day().into(),
        ProblemCode::DateInFuture => w.problem_in_future().into(),
        ProblemCode::DateInPast => w.problem_in_past().into(),
        ProblemCode::BeforeField { field } => w.problem_before_other(label(field)),
        ProblemCode::MoreThanField { field } => w.problem_more_than_other(label(field)),
        ProblemCode::IdLength { min, max } if min == max => w.problem_id_exact_length(min),
        ProblemCode::IdLength { min, max } => w.problem_id_length(min, max),
        ProblemCode::IdCharacters => w.problem_id_characters().into(),
        ProblemCode::IdProvince => w.problem_id_province().into(),
        ProblemCode::IdBirthDate => w.problem_id_birth().into(),
        ProblemCode::IdChecksum => w.problem_id_checksum().into(),
        ProblemCode::NotInList => w.problem_not_offered().into(),
        ProblemCode::NotTicked { missing } => w.problem_not_ticked(*missing),
        ProblemCode::ConsentNeeded { .. } => w.problem_needs_yes().into(),
        ProblemCode::AgreementNeeded => w.problem_must_agree().into(),
        ProblemCode::NotBoth { field } => w.problem_not_both(label(field)),
        ProblemCode::FullNameNeeded => w.problem_full_name().into(),
        ProblemCode::OneOfTwoNeeded { field } => w.problem_one_of_two(label(field)),
        ProblemCode::NotAfterField { field } => w.problem_not_after_other(label(field)),
        ProblemCode::MoreThanRest => w.problem_more_than_rest().into(),
        ProblemCode::CardTaken { .. } => w.problem_card_taken().into(),
        ProblemCode::NotAnEmail => w.problem_not_an_email().into(),
        ProblemCode::NotATimeOfDay => w.problem_not_a_time().into(),
        ProblemCode::NotAMonth => w.problem_not_a_month().into(),
        ProblemCode::NotTaken => w.problem_not_signed().into(),
    }
}

/// Whether what was typed so far will be a mainland mobile, which has 11 digits.
fn begins_as_mobile(typed: &str) -> bool {
    let digits: String = typed.chars().map(half_width).filter(char::is_ascii_digit).collect();
    let home = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).unwrap_or(&digits);
    home.starts_with('1') && !home.starts_with("10")
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::pack::Language;

    fn words(code: &ProblemCode, typed: &str) -> String {
        problem_words(Words(Language::ZhHans), code, typed, false, false, |key| key.to_string())
    }

    #[test]
    fn a_mobile_says_how_many_digits_there_are_in_all() {
        let short = ProblemCode::PhoneTooShort { missing: 1 };
        for typed in ["1380013800", "138 0013 800", "+86 138-0013-800", "１３８００１３８００"] {
            assert_eq!(words(&short, typed), "还差1位，共11位", "{typed}");
        }
        for typed in ["0571-888888", "010 888888", "+852 912"] {
            assert_eq!(words(&short, typed), "还差1位", "{typed}");
        }
    }
}
