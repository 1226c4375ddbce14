//! A signature in a form: the tablet is turned to whoever signs, on a sheet of its own. Who cannot hold a pen has the
//! name typed, and whoever works here is the witness.

use crate::view::prelude::*;
use yingke_core::{
    audience::Role,
    ink::Ink,
    pack::{Field as FormField, FieldType},
    typed::{Mark, Signature},
};

use super::{field::Labelled, person::name_of, sheet::Sheet};
use crate::{
    format, t,
    ui::{
        Button, ButtonKind, ButtonSize, Field, FieldGroup, Icon, Inked, Readiness, Sheet as Panel, SheetWidth,
        SignaturePad, Stroke, focus_on,
    },
};

/// Characters of a name below a signature.
const SIGNER_UNITS_MAX: u32 = 40;

/// What stands in the field: the signature, or the button that opens the sheet to sign on.
pub(super) fn signature(sheet: Sheet, field: FormField, labelled: Labelled) -> View {
    let Sheet { w, .. } = sheet;
    let Labelled { label, mark, note, problem, id } = labelled;
    let open = RwSignal::new(false);
    let key = StoredValue::new(field.key.clone());
    let field = StoredValue::new(field);
    let signed = Memo::new(move |_| Signature::parse(&sheet.get(&key.get_value())));
    let again = move |()| {
        key.with_value(|key| sheet.set(key, String::new()));
        open.set(true);
    };
    let back_to = id.clone();
    let close = Callback::new(move |()| {
        open.set(false);
        // The button that was pressed may be gone by now.
        let back_to = back_to.clone();
        request_animation_frame(move || focus_on(&back_to));
    });
    let inner = move || match signed.get() {
        None => view! {
            <Button label=t!(w, form_sign) icon=Icon::Edit size=ButtonSize::Next wide=true on_press=move |()| open.set(true)/>
        },
        Some(signature) => view! {
            <div class="signed" role="status">
                {signed_view(sheet, &signature)}
                <Button label=t!(w, form_sign_again) kind=ButtonKind::Text icon=Icon::Undo on_press=again/>
            </div>
        },
    };
    view! {
        <FieldGroup label optional_mark=mark note problem id>{inner}</FieldGroup>
        {move || open.get().then(|| signing(sheet, field.get_value(), label, close))}
    }
}

/// What was signed, by whom and when.
fn signed_view(sheet: Sheet, signature: &Signature) -> View {
    let Sheet { roster, w, .. } = sheet;
    let signer = signature.signer.to_string();
    let at = signature.at;
    let ink = match signature.mark() {
        Mark::Drawn(ink) => {
            let label = signer.clone();
            let drawn = move || w.get().form_signature_of(&label);
            view! { <span class="signed__ink"><Inked strokes=ink.strokes().to_vec() label=Signal::derive(drawn)/></span> }
        }
        Mark::Typed { .. } => view! { <span class="signed__typed" aria-hidden="true">{signer.clone()}</span> },
        Mark::Picture(_) => View::Nothing,
    };
    let when = move || format::moment(w.get(), at, roster.minute(), roster.utc_offset_minutes());
    let witness = match signature.mark() {
        Mark::Typed { witness } => Some(witness.to_string()),
        Mark::Drawn(_) | Mark::Picture(_) => None,
    };
    view! {
        {ink}
        <span class="signed__words">
            <span class="signed__who">{signer}</span>
            <span>{move || w.get().form_signed_at(when())}</span>
            {witness.map(|witness| view! { <span>{move || w.get().form_signed_before(roster.staff_name(&witness))}</span> })}
        </span>
    }
}

/// The sheet to sign on. It asks to be closed through `close`; what was drawn counts once it is done.
fn signing(sheet: Sheet, field: FormField, label: Signal<String>, close: Callback<()>) -> View {
    let Sheet { roster, w, .. } = sheet;
    let key = field.key.clone();
    let role: Box<str> = role_of(key.as_str()).into();
    let signer = RwSignal::new(untrack(|| presumed_signer(sheet, &role)));
    let ink = RwSignal::new(Ink::default());
    let by_hand = RwSignal::new(true);
    let full = RwSignal::new(false);
    let text = sheet.form.with_value(|form| {
        let section = form.sections.iter().find(|section| section.fields.iter().any(|other| other.key == key));
        section.and_then(|section| section.text.clone())
    });
    let name_id = format!("{}-signer", super::sheet::field_id(&key));
    let is_named = move || signer.with(|signer| !signer.trim().is_empty());
    let state = Signal::derive(move || {
        if !is_named() {
            Readiness::Missing(w.get().form_sign_name_missing().to_owned())
        } else if by_hand.get() && ink.with(Ink::is_empty) {
            Readiness::Missing(w.get().form_sign_missing().to_owned())
        } else {
            Readiness::Ready
        }
    });
    let done = move |()| {
        let Some(me) = roster.actor_now() else { return };
        let mark =
            if by_hand.get_untracked() { Mark::Drawn(ink.get_untracked()) } else { Mark::Typed { witness: me.id } };
        let signature = Signature {
            image: mark.text().into(),
            signer: signer.get_untracked().split_whitespace().collect::<Vec<_>>().join(" ").into(),
            role: role.clone(),
            at: roster.now(),
            device: roster.device_number(),
        };
        sheet.set(&key, signature.typed());
        close.run(());
    };
    let missing = {
        let name_id = name_id.clone();
        move |()| {
            if signer.with_untracked(|signer| signer.trim().is_empty()) {
                focus_on(&name_id);
            }
        }
    };
    let on_stroke = move |stroke: Stroke| {
        let mut longer = ink.get_untracked();
        full.set(!longer.draw(&stroke));
        ink.set(longer);
    };
    let strokes = Signal::derive(move || ink.with(|ink| ink.strokes().to_vec()));
    let paper = move || {
        if by_hand.get() {
            let pad_label = move || match signer.with(|signer| signer.trim().to_owned()).as_str() {
                "" => w.get().form_sign_here().to_owned(),
                name => w.get().form_sign_here_named(name),
            };
            view! {
                <SignaturePad
                    label=Signal::derive(pad_label)
                    strokes
                    on_stroke
                    on_again=move |()| ink.set(Ink::default())
                    again_label=t!(w, form_sign_redo)
                />
                {move || full.get().then(|| view! { <p class="field__note" role="status">{t!(w, form_sign_full)}</p> })}
            }
        } else {
            let witness = move || roster.actor_now().map(|me| me.name).unwrap_or_default();
            view! { <p class="signing__text">{move || w.get().form_sign_typed_note(witness())}</p> }
        }
    };
    let other_way =
        move || if by_hand.get() { w.get().form_sign_typed() } else { w.get().form_sign_by_hand() }.to_owned();
    let text = text.map(|text| view! { <p class="signing__text">{move || text.in_language(w.get().0).to_owned()}</p> });
    let foot = view! {
        <Button label=Signal::derive(other_way) kind=ButtonKind::Text on_press=move |()| by_hand.update(|by_hand| *by_hand = !*by_hand)/>
        <Button label=t!(w, form_sign_done) icon=Icon::Tick kind=ButtonKind::Primary size=ButtonSize::Next state on_missing=missing on_press=done/>
    };
    view! {
        <Panel title=label close_label=t!(w, form_sign_close) on_close=close width=SheetWidth::Compare foot>
            <div class="signing">
                {text}
                <Field
                    label=t!(w, form_sign_name)
                    value=signer
                    on_input=move |typed: String| signer.set(typed)
                    length_max=SIGNER_UNITS_MAX
                    id=name_id
                />
                {paper}
            </div>
        </Panel>
    }
}

/// In which role the one who signs this field does so: `member`, `store_manager`, `approved_by`.
fn role_of(field_key: &str) -> &str {
    match field_key {
        "sign" => "customer",
        key => key.strip_suffix("_sign").or_else(|| key.strip_prefix("sign_")).unwrap_or(key),
    }
}

/// Whether a role is a guest's, and in which field of the form their name stands first of all.
fn guest_field(role: &str) -> Option<&'static str> {
    match role {
        "member" | "customer" => Some("member_name"),
        "transferor" => Some("from_name"),
        "transferee" => Some("to_name"),
        "respondent" => Some("respondent_person"),
        _ => None,
    }
}

/// Who probably signs: the guest of the form, whoever works here, or the one colleague with that post.
fn presumed_signer(sheet: Sheet, role: &str) -> String {
    let Sheet { roster, w, form, .. } = sheet;
    let Some(own_field) = guest_field(role) else {
        if let Some(post) =
            Role::from_key(role).or(if role == "desk_supervisor" { Some(Role::FrontDeskSupervisor) } else { None })
            && post != Role::Consultant
        {
            if let Some(me) = roster.actor_now().filter(|me| me.role == post) {
                return me.name;
            }
            let mut holders = roster.staff().into_iter().filter(|staff| staff.role == post);
            return match (holders.next(), holders.next()) {
                (Some(only), None) => only.name,
                _ => String::new(),
            };
        }
        let mine = matches!(role, "consultant" | "agent" | "staff" | "sales" | "cs");
        return roster.actor_now().filter(|_| mine).map(|me| me.name).unwrap_or_default();
    };
    let typed = |key: &str| sheet.draft.with(|draft| draft.get(key).trim().to_owned());
    let first_name = form.with_value(|form| {
        form.fields().find(|field| field.kind == FieldType::Name).map(|field| field.key.to_string())
    });
    let is_own = matches!(role, "member" | "customer");
    let named = [Some(own_field.to_owned()), first_name.filter(|_| is_own)];
    let named = named.into_iter().flatten().map(|key| typed(&key)).find(|name| !name.is_empty());
    let person = || sheet.about().filter(|_| is_own).map(|person| name_of(roster, w.get(), person));
    named.or_else(person).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::{
        id::DeviceNumber,
        pack::{Pack, VenueKind},
        time::Millis,
    };

    #[test]
    fn every_signature_of_every_form_has_a_role_that_can_be_kept() {
        let mut ink = Ink::default();
        assert!(ink.draw(&[(1, 1), (9, 9)]));
        let mut seen = 0;
        for kind in [VenueKind::Fitness, VenueKind::Sports] {
            for field in Pack::of(kind).forms.iter().flat_map(|form| form.fields()) {
                if field.kind == FieldType::Signature {
                    let image = Mark::Drawn(ink.clone()).text().into();
                    let (role, device) = (role_of(field.key.as_str()).into(), DeviceNumber(1));
                    let signature = Signature { image, signer: "王雨桐".into(), role, at: Millis(0), device };
                    assert_eq!(Signature::parse(&signature.typed()), Some(signature), "{}", field.key);
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "only {seen} signatures");
    }
}
