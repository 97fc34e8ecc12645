"""patch-server: checks first, writes a copy, never touches the packaged file."""

import hashlib
import os
import subprocess

import pytest
from lib.server import Config


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def untouched(stock):
    before = digest(stock)
    yield
    assert digest(stock) == before


def test_patches_checks_and_undoes(patch_server, stock, tmp_path, untouched):
    copy = tmp_path / "bin" / "clickhouse-server"
    assert patch_server("--check").returncode == 0
    assert patch_server("--check", "--output", copy).returncode == 1
    assert patch_server("--output", copy).returncode == 0
    assert os.access(copy, os.X_OK)
    assert digest(copy) != digest(stock)
    assert patch_server("--check", "--output", copy).returncode == 0
    assert patch_server("--output", copy).returncode == 0, "again, over the former copy"
    assert patch_server("--undo", "--output", copy).returncode == 0
    assert not copy.exists()
    assert patch_server("--undo", "--output", copy).returncode == 1


@pytest.fixture
def another(stock, tmp_path):
    """A server that can be patched, and is not the installed one."""
    server = tmp_path / "another"
    server.write_bytes(stock.read_bytes() + b"x")
    server.chmod(0o755)
    return server


def test_check_notices_a_copy_of_another_server(patch_server, another, tmp_path):
    copy = tmp_path / "copy"
    assert patch_server("--server", another, "--require-mtls", "--output", copy).returncode == 0
    assert patch_server("--server", another, "--check", "--output", copy).returncode == 0
    done = patch_server("--check", "--output", copy)
    assert done.returncode == 1 and "was not made from" in done.stderr and "patch again" in done.stderr


def test_refresh_patches_when_there_is_need(patch_server, another, tmp_path):
    copy = tmp_path / "copy"
    assert "wrote" in patch_server("--refresh", "--output", copy).stdout
    before = copy.stat().st_ino
    assert "up to date" in patch_server("--refresh", "--output", copy).stdout
    assert copy.stat().st_ino == before
    assert "wrote" in patch_server("--refresh", "--server", another, "--output", copy).stdout
    assert "wrote" in patch_server("--refresh", "--server", another, "--require-mtls", "--output", copy).stdout


def test_refresh_leaves_no_copy_of_a_server_that_cannot_be_patched(patch_server, tmp_path):
    copy, other = tmp_path / "copy", tmp_path / "other"
    assert patch_server("--output", copy).returncode == 0
    other.write_text("somebody else's")
    for output in (copy, other):
        assert patch_server("--refresh", "--server", "/bin/ls", "--output", output).returncode == 1
    assert not copy.exists()
    assert other.read_text() == "somebody else's"


def test_never_the_packaged_file(patch_server, stock, tmp_path, untouched):
    link = tmp_path / "link"
    link.symlink_to(stock)
    for path in (stock, link):
        done = patch_server("--output", path)
        assert done.returncode == 1 and "package" in done.stderr
        assert patch_server("--undo", "--output", path).returncode == 1


def test_not_a_copy_of_a_copy(patch_server, patched, tmp_path):
    done = patch_server("--server", patched, "--output", tmp_path / "copy")
    assert done.returncode == 1 and "patched already" in done.stderr
    assert not (tmp_path / "copy").exists()


def test_another_program_is_refused(patch_server, tmp_path):
    done = patch_server("--server", "/bin/ls", "--output", tmp_path / "copy")
    assert done.returncode == 1 and "libclickhouse" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_undo_leaves_other_files_alone(patch_server, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(open("/bin/true", "rb").read())
    assert patch_server("--undo", "--output", other).returncode == 1
    assert other.exists()


def test_a_missing_adapter_is_named(tmp_path, patched):
    tool = os.path.join(os.path.dirname(__file__), "../debian/patch-server")
    done = subprocess.run(
        [tool, "--adapter", tmp_path / "none.so", "--output", tmp_path / "copy"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "none.so" in done.stderr


def test_the_adapter_refuses_a_program_that_is_not_the_server(build, tmp_path):
    """Loaded into something else it names what it misses, and the program does not run."""
    copy = tmp_path / "true"
    copy.write_bytes(open("/bin/true", "rb").read())
    copy.chmod(0o755)
    subprocess.run(["patchelf", "--add-needed", str(build / "libclickhouse_mtls_debian.so"), copy], check=True)
    done = subprocess.run([copy], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "setUsersConfig" in done.stderr and "refusing to start" in done.stderr


def test_a_copy_that_needs_the_section(patch_server, patched, server_factory, authority, openssl, tmp_path):
    """--require-mtls: no section, no start; a slip of its name is told of. The other copy starts, and warns of the slip."""
    strict = tmp_path / "strict"
    assert patch_server("--require-mtls", "--output", strict).returncode == 0
    assert "does not start without" in patch_server("--check", "--output", strict).stdout
    assert "does not start without" not in patch_server("--check", "--output", patched).stdout
    pair = authority.server()
    section = openssl(authority.file, pair)
    refused = server_factory(Config(openssl_server=section, extra="<mlts></mlts>"), binary=strict).start_refused()
    assert "--require-mtls" in refused and "did you mean <mtls> by <mlts>?" in refused
    with server_factory(Config(openssl_server=section, mtls=""), binary=strict) as server:
        assert server.admin("SELECT 1") == "1"
    with server_factory(Config(openssl_server=section, extra="<mlts></mlts>"), binary=patched) as server:
        assert "did you mean <mtls> by <mlts>?" in server.log()
