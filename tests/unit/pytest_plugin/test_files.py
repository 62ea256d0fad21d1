"""Which of an app's settings are folders that a test's files must not end up in."""

from types import SimpleNamespace

from flask_assay.pytest_plugin.resources.files import moved_folders

MOVED = ("UPLOAD_FOLDER", "UPLOADED_PHOTOS_DEST", "MY_UPLOADS_DIR", "UPLOAD_PATH", "MEDIA_ROOT")
LEFT = ("APPLICATION_ROOT", "SESSION_COOKIE_PATH", "MEDIA_URL", "UPLOAD_URL_PATH", "ROOT_DIR")


def test_folders_for_uploads_and_media_are_moved_and_back(tmp_path):
    before = dict.fromkeys((*MOVED, *LEFT), "/srv/somewhere")
    app = SimpleNamespace(config=dict(before), instance_path="/srv/instance")
    with moved_folders(app, tmp_path):
        assert all(app.config[name].startswith(str(tmp_path)) for name in MOVED)
        assert all(app.config[name] == "/srv/somewhere" for name in LEFT)
    assert (app.config, app.instance_path) == (before, "/srv/instance")
