//! The parts that screens are put together from. They know nothing of the club and hold no words of their own.
//!
//! How to read the list below, and how every part is used:
//!
//! - **Words** are [`Text`]: `"保存"`, a `String`, a signal, or `move || t!(…)` all do; an empty text shows nothing.
//! - **Values** come in as a signal (or a plain value, or a closure), changes go out through a callback that carries
//!   the new value: `value=name on_input=move |typed| name.set(typed)`. No part keeps a value of its own.
//! - A part that may stay out is a [`Slot`]: `end=slot(view! { <Tag …/> })`, `end=view! { … }`.
//! - [`Tone`] says what a colour means: `Plain Pine Saved Unsent Late Conflict`.
//!
//! ```text
//! drawings   <Glyph icon=Icon::Tick/>  <Ground icon=Icon::Walk tone=Tone::Unsent/>  <Mark/>
//!            <Face look=Look::letter_of("张顺利")/>  <Face look=Look::Head(7) size=FaceSize::Tile/>
//! press      <Button label="保存" icon=Icon::Tick kind=ButtonKind::Primary on_press=move |()| save()/>
//!              … size=ButtonSize::Walking  second="第15位"  state=move || Readiness::Missing("还差2位".into())
//!            <IconButton icon=Icon::Close label="关上" on_press=move |()| close()/>
//! type       <Field label="姓名" value=name on_input=move |v| name.set(v) note="和证件上一样" problem=problem/>
//!              … kind=FieldKind::Phone  optional_mark="选填"  lines=3  unit="元"  id="name"
//!            <DateField …/> <TimeField …/>   the same, ISO text in and out: 2026-11-22, 14:30
//!            <SearchField label="找客户" value=query on_input=… clear_label="清空"/>
//!            <NumberStepper label="人数" value=guests on_change=… min=1 max=9 less_label="少一位" more_label="多一位"/>
//! choose     <Segmented label="称呼" options=vec![Choice::new("ms", "女士")] chosen=title on_choose=…/>   2 to 4
//!            <ChoiceList label="来源" options=… chosen=source on_choose=…/>                              5 and more
//!            <ChipGroup label="兴趣" options=… chosen=liked on_change=move |keys| liked.set(keys)/>
//!            <Chip label="瑜伽" on=on on_change=…/>  <Switch label="发体验卡" on=gives on_change=…/>
//!            <CheckBox label="同意来电" on=agreed on_change=…/>  <Rating label="评分" …/>  <MonthField …/>
//!            <FieldGroup label="配送物品" note=… problem=…>rows of parts</FieldGroup>
//! sign       <SignaturePad label="张顺利，请在线上签名" strokes on_stroke=… on_again=… again_label="重写"/>  <Inked strokes label/>
//! pictures   <PictureButton label="拍照" icon=Icon::Camera camera=true on_pick=…/>  <PictureTile address label="证明" note="还在路上"/>
//! keypad     <Keypad on_key=move |key| … clear_label="清空" erase_label="退格"/>  <PinDots total=6 filled=typed label="…"/>
//!            <NumberDisplay label="联系电话" digits=phone/>   grouped("13800138000") == "138 0013 8000"
//! show       <Ring done=0.7 figure="14" aim="共20" sentence="今天留了14位，目标20位"/>  <TimerFace time="12:40" aim="约20分钟"/>
//!            <Steps label="进度" items=steps/>  <Tag tone=Tone::Unsent icon=Icon::Clock text="30天后到期"/>
//!            <StatusPill tone=Tone::Saved icon=Icon::Saved text="已存好" on_press=…/>  <Badge count=4 label="4个未打"/>
//!            <Custody label="这条记录在哪里" points=points/>  <Progress label="首次取数" share=0.7 figure="70%"/>
//!            <Facts items=vec!["陈浩然".into(), "工程部".into()]/>   <Marked parts=vec![("z".into(), true), …]/>
//!            <Table caption="顾问" columns=columns>rows</Table>  <Tip text="…" icon=Icon::Care/>
//!            <QrCode text label="体验卡的二维码"/>
//! tell       <ToastHost toaster/>  toaster.tell(Toast::new("已存在本机：王女士").with_undo("撤销", undo))
//!            <Banner tone=Tone::Unsent icon=Icon::Offline text="离线42分钟，照常使用" action_label="看同步" on_action=…/>
//!            <EmptyState icon=Icon::People title="还没有客户" text="从一个电话号码开始">button</EmptyState>
//!            <ProblemSummary title="还差两处" problems=problems/>
//! rows       <ListRow title="张顺利" second=… face=slot(…) end=slot(…) selected=… on_open=…/>
//!            <TaskRow title=… due=Due { … } done=… on_tick=… tick_label=…/>  <NextThing …>button</NextThing>
//!            <FactRow label="负责顾问">"林悦"</FactRow>  <HistoryRow date="18日" icon=Icon::Calls title=… who="林悦"/>
//!            <VirtualList count=count row_px=80 label="客户" row=move |index| view! { … }/>
//!            <Section title="上午" aside="3件" list=true>rows</Section>
//! frame      <Shell rail=slot(view! { <Rail …/> }) bar=slot(view! { <BottomBar …/> })>page</Shell>
//!            <PageHeader title="今日" second="11月22日 星期日">pill and buttons</PageHeader>
//!            <ListDetail list=slot(…) detail=slot(…) detail_shown=…/>  <Tabs …/>
//!            <Sheet title="请假" close_label="关上" on_close=… foot=slot(…)>content</Sheet>   shown while it is mounted
//!            <UnlockLayout door=slot(…) people=slot(…) pin=slot(…)/>  <FaceTile …/>
//! ```
//!
//! Task and history rows stand in a list: `<Section … list=true>` or `<div role="list">`. Facts stand in
//! `<dl class="fact-list">`, set closer with `fact-list--close`.
//!
//! A page that stands beside the rail: `<PageHeader/>` then `<div class="page">…</div>`; two columns are
//! `class="page page--aside"` with a `<div>` and an `<aside>`.

mod banner;
mod button;
mod choice;
mod custody;
mod face;
mod field;
mod icon;
mod keypad;
mod list;
mod picture;
mod progress;
mod qr;
mod row;
mod sheet;
mod shell;
mod sign;
mod status;
mod steps;
mod table;
mod tabs;
mod toast;
#[cfg(test)]
mod tokens;

use crate::view::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use banner::*;
pub use button::*;
pub use choice::*;
pub use custody::*;
pub use face::*;
pub use field::*;
pub use icon::*;
pub use keypad::*;
pub use list::*;
pub use picture::*;
pub use progress::*;
pub use qr::QrCode;
pub use row::*;
pub use sheet::*;
pub use shell::*;
pub use sign::*;
pub use status::*;
#[expect(unused_imports, reason = "waits for the screens that need it")]
pub use steps::*;
pub use table::*;
pub use tabs::*;
pub use toast::*;

/// Words that may change with the language while they are on show. Empty means: nothing there.
pub type Text = Signal<String>;

/// A part that the caller may hand in, drawn where the receiving part says.
pub type Slot = View;

/// Makes a [`Slot`] of any view.
pub fn slot(view: impl IntoView + 'static) -> Slot {
    view.into_view()
}

/// What a colour says. Never the only sign: an icon or a word always stands beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to report.
    #[default]
    Plain,
    /// Ours: chosen, present, on the way.
    Pine,
    /// Kept, delivered, done.
    Saved,
    /// Waits to be sent, or is due soon.
    Unsent,
    /// Overdue, refused, invalid.
    Late,
    /// Has two sides.
    Conflict,
}

impl Tone {
    /// The name that the style sheets read from `data-tone`.
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Pine => "pine",
            Self::Saved => "saved",
            Self::Unsent => "unsent",
            Self::Late => "late",
            Self::Conflict => "conflict",
        }
    }
}

/// An id for a part that was given none, the only one of its kind on the page.
fn own_id(given: String) -> String {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    if given.is_empty() { format!("part-{}", LAST.fetch_add(1, Ordering::Relaxed)) } else { given }
}

/// A share from 0 to 1 in thousandths, as the sheets reckon with it. Whole numbers keep the code that writes decimals
/// out of the client.
fn permille(share: f64) -> String {
    ((share.clamp(0.0, 1.0) * 1000.0).round() as u32).to_string()
}

/// A line that is there only while it has words.
fn line(class: &'static str, text: Text) -> impl IntoView {
    move || {
        let text = text.get();
        (!text.is_empty()).then(|| view! { <span class=class>{text}</span> })
    }
}

/// Puts the focus on the element with this id, if it is on the page.
pub fn focus_on(id: &str) {
    use leptos::wasm_bindgen::JsCast;
    let found =
        document().get_element_by_id(id).and_then(|found| found.dyn_into::<leptos::web_sys::HtmlElement>().ok());
    if let Some(found) = found {
        let _ = found.focus();
    }
}
