//! Pictures in a form: taken with the camera or from the tablet, scaled down, and there again with the draft.

use leptos::{task::spawn_local, web_sys};
use yingke_core::{blob::BlobHash, change::Key, journal::AppendError};

use super::{field::Labelled, sheet::Sheet};
use crate::{
    roster::PictureError,
    screens::picture::Picture,
    t,
    ui::{FieldGroup, Icon, IconButton, PictureButton, Readiness},
    view::prelude::*,
    words::Words,
};

/// Pictures of one field: a certificate has few pages.
const PICTURES_MAX: usize = 9;

/// What stands in the field: a tile for each picture, and the buttons that take another.
pub(super) fn pictures(sheet: Sheet, key: Key, several: bool, labelled: Labelled) -> View {
    let Sheet { roster, w, .. } = sheet;
    let Labelled { label, mark, note, problem, id } = labelled;
    let failed = RwSignal::new(None::<PictureError>);
    let key = StoredValue::new(key);
    let named = Memo::new(move |_| key.with_value(|key| hashes(&sheet.get(key))));
    let most = if several { PICTURES_MAX } else { 1 };
    let take = Callback::new(move |files: Vec<web_sys::File>| {
        failed.set(None);
        // Whoever saves now would save without them.
        sheet.taking.update(|taking| *taking += 1);
        spawn_local(async move {
            for file in files {
                match roster.take_picture(file).await {
                    Ok(hash) => {
                        let Some(mut all) = named.try_get_untracked() else { return };
                        if !all.contains(&hash) && all.len() < most {
                            all.push(hash);
                            key.with_value(|key| sheet.set(key, typed(&all)));
                        }
                    }
                    Err(error) => drop(failed.try_set(Some(error))),
                }
            }
            sheet.taking.try_update(|taking| *taking -= 1);
        });
    });
    let remove = move |hash: BlobHash| {
        let mut all = named.get_untracked();
        all.retain(|other| *other != hash);
        key.with_value(|key| sheet.set(key, typed(&all)));
    };
    let tiles = move || {
        let all = named.get();
        (!all.is_empty()).then(|| {
            let tiles = all.into_iter().enumerate().map(|(place, hash)| {
                let name = Signal::derive(move || w.get().picture_of(label.get(), place + 1));
                view! {
                    <li class="pictures__one">
                        <Picture hash label=name/>
                        <IconButton icon=Icon::Close label=t!(w, picture_remove) on_press=move |()| remove(hash)/>
                    </li>
                }
            });
            view! { <ul class="pictures">{tiles.collect::<View>()}</ul> }
        })
    };
    let state = Signal::derive(move || {
        if sheet.taking.get() > 0 { Readiness::Busy(w.get().picture_busy().to_owned()) } else { Readiness::Ready }
    });
    let buttons = shown(
        move || named.with(Vec::len) < most,
        move || {
            view! {
                <div class="pictures__take">
                    <PictureButton label=t!(w, picture_take) icon=Icon::Camera camera=true state on_pick=take/>
                    <PictureButton label=t!(w, picture_pick) icon=Icon::Plus several state on_pick=take/>
                </div>
            }
        },
    );
    let problem = Signal::derive(move || match failed.get() {
        Some(error) => Some(failed_words(w.get(), &error).to_owned()),
        None => problem.get(),
    });
    view! { <FieldGroup label optional_mark=mark note problem id>{tiles} {buttons}</FieldGroup> }
}

/// The pictures that a draft names, in their order.
fn hashes(typed: &str) -> Vec<BlobHash> {
    typed.split(',').filter_map(|hash| BlobHash::parse(hash.trim())).collect()
}

fn typed(hashes: &[BlobHash]) -> String {
    hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn failed_words(words: Words, error: &PictureError) -> &'static str {
    match error {
        PictureError::NoPicture => words.picture_no_picture(),
        PictureError::TooLarge => words.picture_too_large(),
        PictureError::Storage(AppendError::Full { .. }) => words.picture_no_room(),
        PictureError::Storage(_) => words.picture_not_kept(),
    }
}
