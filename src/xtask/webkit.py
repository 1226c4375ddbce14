"""A WebKit for tests that keeps its databases on the disk, as Safari does.

Under a driver the MiniBrowser that comes with WebKitGTK keeps everything in memory, IndexedDB too: by other code than the one
that runs on tablets. WebKitWebDriver starts this instead, with the folder for its data.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

# What Safari has switched on and WebKitGTK has not. Handles that write in place (AccessHandle) are not among it: WebKitGTK has
# nothing behind them (NotSupportedError).
AS_IN_SAFARI = {"StorageAPI", "StorageAPIEstimate", "FileSystem"}


def settings():
    settings = WebKit2.Settings()
    features = WebKit2.Settings.get_all_features()
    for place in range(features.get_length()):
        feature = features.get(place)
        if feature.get_identifier() in AS_IN_SAFARI:
            settings.set_feature_enabled(feature, True)
    return settings


def show(context):
    view = WebKit2.WebView(web_context=context, settings=settings(), is_controlled_by_automation=True)
    window = Gtk.Window(default_width=1280, default_height=800)
    window.add(view)
    window.connect("destroy", Gtk.main_quit)
    view.connect("close", lambda _: window.destroy())
    window.show_all()
    return view


def main(folder):
    data = WebKit2.WebsiteDataManager(base_data_directory=f"{folder}/data", base_cache_directory=f"{folder}/cache")
    context = WebKit2.WebContext.new_with_website_data_manager(data)
    context.set_automation_allowed(True)
    context.connect("automation-started", lambda _, session: session.connect("create-web-view", lambda _: show(context)))
    Gtk.main()


main(sys.argv[1])
