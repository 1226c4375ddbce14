//! From views to nodes of the page, and from one run of a view to the next.

use std::borrow::Cow;

use any_spawner::Executor;
use leptos::{
    prelude::{Owner, document},
    reactive::effect::RenderEffect,
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
    web_sys,
};

use super::{Hole, Markup, Value, View, keyed::DrawnRows, template};

const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";
/// The elements of drawings that the app uses.
const SVG_TAGS: [&str; 8] = ["circle", "g", "line", "path", "polyline", "rect", "svg", "text"];

/// Draws `view` into the page's body, for as long as the page lives.
pub fn mount(view: impl FnOnce() -> View) {
    // Fails only if there is one already, and then there is one.
    let _ = Executor::init_wasm_bindgen();
    let owner = Owner::new();
    let drawn = owner.with(|| view().draw());
    if let Some(body) = document().body() {
        drawn.insert(&body, None);
    }
    std::mem::forget((owner, drawn));
}

/// A view that has its nodes. Dropping it ends its effects and listeners; [`Self::remove`] takes the nodes away.
pub(super) enum Drawn {
    /// Holds the place of nothing.
    Nothing(web_sys::Node),
    Text(web_sys::Node, Cow<'static, str>),
    Markup(DrawnMarkup),
    /// The parts, then a mark where they end.
    Several(Vec<Drawn>, web_sys::Node),
    Live(Runs<Drawn>),
    Keyed(Runs<DrawnRows>),
}

/// An effect that draws, and ends with all that it has drawn. By itself it would not: its task holds what was drawn until it
/// gets its next turn, and an effect in there that was told of a change would first run once more, over signals that are gone.
pub(super) struct Runs<T: 'static>(RenderEffect<Option<T>>);

impl<T> Runs<T> {
    pub(super) fn new(mut draw: impl FnMut(Option<T>) -> T + 'static) -> Self {
        Self(RenderEffect::new(move |before: Option<Option<T>>| Some(draw(before.flatten()))))
    }

    fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> Option<U> {
        self.0.with_value_mut(|drawn| drawn.as_mut().map(f)).flatten()
    }
}

impl<T> Drop for Runs<T> {
    fn drop(&mut self) {
        drop(self.0.with_value_mut(Option::take));
    }
}

pub(super) struct DrawnMarkup {
    node: web_sys::Element,
    /// Where it is written: markup with another template never becomes this one.
    template: &'static str,
    holes: Vec<DrawnHole>,
}

/// What fills a hole. It keeps the element that it is part of, to be filled anew.
enum DrawnHole {
    Value { on: web_sys::Element, name: &'static str, is: Fixed },
    On { on: web_sys::Element, _listener: Listener },
    Made { on: web_sys::Element },
    Child(Drawn),
}

enum Fixed {
    For(Value),
    Until { _next_change: RenderEffect<Value> },
}

/// A listener, taken back when dropped: an element can outlive what its listener would use.
struct Listener {
    on: web_sys::Element,
    event: Cow<'static, str>,
    does: Closure<dyn Fn(web_sys::Event)>,
}

impl Listener {
    fn new(on: &web_sys::Element, event: Cow<'static, str>, does: Box<dyn Fn(web_sys::Event)>) -> Self {
        let does = Closure::wrap(does);
        on.add_event_listener_with_callback(&event, does.as_ref().unchecked_ref())
            .expect("only an old way to pass options can fail");
        Self { on: on.clone(), event, does }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.on.remove_event_listener_with_callback(&self.event, self.does.as_ref().unchecked_ref());
    }
}

/// A node that shows nothing and marks a place.
pub(super) fn mark() -> web_sys::Node {
    document().create_comment("").into()
}

impl View {
    pub(super) fn draw(self) -> Drawn {
        match self {
            Self::Nothing => Drawn::Nothing(mark()),
            Self::Text(text) => Drawn::Text(document().create_text_node(&text).into(), text),
            Self::Markup(markup) => Drawn::Markup(markup.draw()),
            Self::Several(views) => Drawn::Several(views.into_iter().map(Self::draw).collect(), mark()),
            Self::Live(mut runs) => Drawn::Live(Runs::new(move |before: Option<Drawn>| {
                let view = runs();
                match before {
                    Some(mut drawn) => {
                        view.redraw(&mut drawn);
                        drawn
                    }
                    None => view.draw(),
                }
            })),
            Self::Keyed(rows) => Drawn::Keyed(rows.draw()),
        }
    }

    /// Makes what is on the page into this view. Nodes stay where the markup is the same.
    pub(super) fn redraw(self, drawn: &mut Drawn) {
        match (self, drawn) {
            (Self::Nothing, Drawn::Nothing(_)) => {}
            (Self::Text(text), Drawn::Text(node, shown)) => {
                if *shown != text {
                    node.set_node_value(Some(&text));
                    *shown = text;
                }
            }
            (Self::Markup(markup), Drawn::Markup(drawn)) if std::ptr::eq(markup.template, drawn.template) => {
                markup.redraw(drawn);
            }
            (Self::Several(views), Drawn::Several(drawn, end)) => redraw_all(views, drawn, end),
            (view, drawn) => {
                let new = view.draw();
                let first = drawn.first();
                if let Some(parent) = first.parent_node() {
                    new.insert(&parent, Some(&first));
                }
                std::mem::replace(drawn, new).remove();
            }
        }
    }
}

fn redraw_all(views: Vec<View>, drawn: &mut Vec<Drawn>, end: &web_sys::Node) {
    for gone in drawn.drain(views.len().min(drawn.len())..) {
        gone.remove();
    }
    let kept = drawn.len();
    for (at, view) in views.into_iter().enumerate() {
        if at < kept {
            view.redraw(&mut drawn[at]);
        } else {
            let new = view.draw();
            if let Some(parent) = end.parent_node() {
                new.insert(&parent, Some(end));
            }
            drawn.push(new);
        }
    }
}

impl Drawn {
    /// Puts the nodes into `parent`, in front of `before` or at the end.
    pub(super) fn insert(&self, parent: &web_sys::Node, before: Option<&web_sys::Node>) {
        match self {
            Self::Nothing(node) | Self::Text(node, _) => put(parent, node, before),
            Self::Markup(markup) => put(parent, &markup.node, before),
            Self::Several(parts, end) => {
                for part in parts {
                    part.insert(parent, before);
                }
                put(parent, end, before);
            }
            Self::Live(effect) => {
                effect.with(|drawn| drawn.insert(parent, before));
            }
            Self::Keyed(effect) => {
                effect.with(|rows| rows.insert(parent, before));
            }
        }
    }

    pub(super) fn remove(&self) {
        match self {
            Self::Nothing(node) | Self::Text(node, _) => take_away(node),
            Self::Markup(markup) => take_away(&markup.node),
            Self::Several(parts, end) => {
                parts.iter().for_each(Self::remove);
                take_away(end);
            }
            Self::Live(effect) => {
                effect.with(|drawn| drawn.remove());
            }
            Self::Keyed(effect) => {
                effect.with(|rows| rows.remove());
            }
        }
    }

    /// The last of the nodes.
    pub(super) fn last(&self) -> web_sys::Node {
        match self {
            Self::Nothing(node) | Self::Text(node, _) | Self::Several(_, node) => node.clone(),
            Self::Markup(markup) => markup.node.clone().into(),
            Self::Live(effect) => effect.with(|drawn| drawn.last()).expect("it has a value from its first run on"),
            Self::Keyed(effect) => effect.with(|rows| rows.last()).expect("it has a value from its first run on"),
        }
    }

    /// The first of the nodes; there always is one.
    pub(super) fn first(&self) -> web_sys::Node {
        match self {
            Self::Nothing(node) | Self::Text(node, _) => node.clone(),
            Self::Markup(markup) => markup.node.clone().into(),
            Self::Several(parts, end) => parts.first().map_or_else(|| end.clone(), Self::first),
            Self::Live(effect) => effect.with(|drawn| drawn.first()).expect("it has a value from its first run on"),
            Self::Keyed(effect) => effect.with(|rows| rows.first()).expect("it has a value from its first run on"),
        }
    }
}

fn put(parent: &web_sys::Node, node: &web_sys::Node, before: Option<&web_sys::Node>) {
    parent.insert_before(node, before).expect("a view is put where its neighbour stands");
}

fn take_away(node: &web_sys::Node) {
    if let Some(parent) = node.parent_node() {
        let _ = parent.remove_child(node);
    }
}

impl Markup {
    fn draw(self) -> DrawnMarkup {
        let mut open: Vec<web_sys::Element> = Vec::new();
        let mut root = None;
        let mut holes = Vec::with_capacity(self.holes.len());
        let mut told = Vec::new();
        let mut filling = self.holes.into_iter();
        for part in template::parts(self.template) {
            match part {
                template::Part::Open(tag) => {
                    let element = element(tag);
                    match open.last() {
                        Some(parent) => put(parent, &element, None),
                        None => root = Some(element.clone()),
                    }
                    open.push(element);
                }
                template::Part::Close => {
                    open.pop();
                }
                _ => {
                    let on = open.last().expect("a template opens an element before all else");
                    match part {
                        template::Part::Text(text) => put(on, &document().create_text_node(text), None),
                        template::Part::Attribute(name, Some(text)) => set(on, name, Some(text)),
                        template::Part::Attribute(name, None) => {
                            if let Some(Hole::Value(value)) = filling.next() {
                                holes.push(DrawnHole::value(on, name, value));
                            }
                        }
                        _ => match filling.next() {
                            Some(Hole::Child(view)) => {
                                let child = view.draw();
                                child.insert(on, None);
                                holes.push(DrawnHole::Child(child));
                            }
                            Some(Hole::On(event, does)) => {
                                let _listener = Listener::new(on, event, does);
                                holes.push(DrawnHole::On { on: on.clone(), _listener });
                            }
                            Some(Hole::Made(tell)) => {
                                told.push((tell, on.clone()));
                                holes.push(DrawnHole::Made { on: on.clone() });
                            }
                            Some(Hole::Value(_)) | None => {}
                        },
                    }
                }
            }
        }
        for (tell, on) in told {
            tell(&on);
        }
        DrawnMarkup { node: root.expect("a template is of one element"), template: self.template, holes }
    }

    /// The same markup again: its holes stand in the same order.
    fn redraw(self, drawn: &mut DrawnMarkup) {
        for (hole, shown) in self.holes.into_iter().zip(&mut drawn.holes) {
            match (hole, shown) {
                (Hole::Value(Value::Live(runs)), DrawnHole::Value { on, name, is }) => {
                    *is = Fixed::following(on, name, runs);
                }
                (Hole::Value(value), DrawnHole::Value { on, name, is }) => {
                    if !matches!(is, Fixed::For(before) if *before == value) {
                        set(on, name, value.text());
                        *is = Fixed::For(value);
                    }
                }
                (Hole::On(event, does), DrawnHole::On { on, _listener }) => {
                    *_listener = Listener::new(on, event, does);
                }
                (Hole::Made(tell), DrawnHole::Made { on }) => tell(on),
                (Hole::Child(view), DrawnHole::Child(drawn)) => view.redraw(drawn),
                _ => unreachable!("the holes of one template are of the same kinds"),
            }
        }
    }
}

impl DrawnHole {
    fn value(on: &web_sys::Element, name: &'static str, value: Value) -> Self {
        let is = match value {
            Value::Live(runs) => Fixed::following(on, name, runs),
            value => {
                if value != Value::Absent {
                    set(on, name, value.text());
                }
                Fixed::For(value)
            }
        };
        Self::Value { on: on.clone(), name, is }
    }
}

impl Fixed {
    fn following(on: &web_sys::Element, name: &'static str, mut runs: Box<dyn FnMut() -> Value>) -> Self {
        let on = on.clone();
        let _next_change = RenderEffect::new(move |before: Option<Value>| {
            let value = settled(runs());
            if before.as_ref() != Some(&value) {
                set(&on, name, value.text());
            }
            value
        });
        Self::Until { _next_change }
    }
}

fn element(tag: &'static str) -> web_sys::Element {
    let made = if SVG_TAGS.contains(&tag) {
        document().create_element_ns(Some(SVG_NAMESPACE), tag)
    } else {
        document().create_element(tag)
    };
    made.expect("tags are names, written in the program")
}

/// A value that has been worked out, however deep it lay.
fn settled(mut value: Value) -> Value {
    while let Value::Live(mut runs) = value {
        value = runs();
    }
    value
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Text(one), Self::Text(other)) => one == other,
            _ => false,
        }
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Live(_) => None,
        }
    }
}

/// Sets what `name` says: an attribute, `class:` one class, `style:` one style, `prop:` what a field holds now,
/// `inner_html` markup of the program itself.
fn set(on: &web_sys::Element, name: &'static str, text: Option<&str>) {
    if let Some(class) = name.strip_prefix("class:") {
        let _ = on.class_list().toggle_with_force(class, text.is_some());
    } else if let Some(property) = name.strip_prefix("style:") {
        let style = on.unchecked_ref::<web_sys::HtmlElement>().style();
        let _ = style.set_property(property, text.unwrap_or_default());
    } else if let Some(property) = name.strip_prefix("prop:") {
        let (key, value) = (JsValue::from_str(property), JsValue::from_str(text.unwrap_or_default()));
        // Writing what is there already would move the cursor.
        if js_sys::Reflect::get(on, &key).ok().as_ref() != Some(&value) {
            let _ = js_sys::Reflect::set(on, &key, &value);
        }
    } else if name == "inner_html" {
        on.set_inner_html(text.unwrap_or_default());
    } else {
        let _ = match text {
            Some(text) => on.set_attribute(name, text),
            None => on.remove_attribute(name),
        };
    }
}
