// Runs pytest on a Python that is WebAssembly: node in_node.cjs PYODIDE ROOT SITE-PACKAGES WORD...
const { loadPyodide } = require(process.argv[2] + "/pyodide.js");

loadPyodide({ indexURL: process.argv[2] + "/" }).then((python) => {
  for (const [place, root] of [["/repository", process.argv[3]], ["/site", process.argv[4]]]) {
    python.FS.mkdirTree(place);
    python.FS.mount(python.FS.filesystems.NODEFS, { root }, place);
  }
  python.globals.set("words", python.toPy(process.argv.slice(5)));
  process.exitCode = python.runPython(`
import os, sys
os.chdir("/repository")
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
sys.dont_write_bytecode = True  # the folders are the machine's own
sys.path[:0] = ["/repository", "/site"]
import pytest
print(sys.version)
int(pytest.main(list(words)))
`);
});
