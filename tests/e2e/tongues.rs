//! Every place that has an address, every form and every table, in the languages that the other tests do not speak and in
//! every theme.

use yingke_core::{
    pack::{Pack, VenueKind},
    work::Work,
};

use crate::{
    house::{LI_WEI, Server, Tablet},
    looks::Eye,
};

/// As the settings call it, its tag, and what it calls the customers.
const LANGUAGES: [(&str, &str, &str); 2] = [("English", "en", "People"), ("繁體中文", "zh-Hant", "客戶")];
const PLACES: [&str; 18] = [
    "/today",
    "/outing",
    "/reception",
    "/reception/visit",
    "/reception/consultation",
    "/people",
    "/people/new",
    "/desk",
    "/desk/membership",
    "/desk/case",
    "/desk/parameters",
    "/board",
    "/settings",
    "/house",
    "/log",
    "/sync",
    "/passes",
    "/passes/new",
];

#[tokio::test]
async fn every_place_is_in_order_in_every_language_and_theme() {
    let server = Server::demo().await;
    let tablet = Tablet::of(LI_WEI, "T-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    let pack = Pack::of(VenueKind::Fitness);
    let forms = pack.forms.iter().map(|form| format!("/form/{}", form.id));
    let tables = Work::of(VenueKind::Fitness).reports.iter().map(|report| format!("/board/{}", report.id));
    let places: Vec<String> = PLACES.map(str::to_owned).into_iter().chain(forms).chain(tables).collect();
    let mut eye = Eye::on(&tablet);
    for (language, tag, people) in LANGUAGES {
        tablet.place("/settings").await;
        tablet.radio(language).tap().await;
        tablet.link(people).shown().await;
        for place in &places {
            tablet.place(place).await;
            let screen = format!("{tag}{}", place.replace('/', "-"));
            eye.look_whether_it_fits(&screen).await;
            // Colours are the same in every language.
            if tag == "en" {
                eye.look_in_every_theme(&screen).await;
            }
        }
    }
    eye.found_all_in_order();
}
