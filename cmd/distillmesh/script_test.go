package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
)

// TestMain lets the scripts run the real program: the test binary under the
// name distillmesh.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"distillmesh": main})
}

// loopback is the configuration of every home in the scripts: nobody but this
// computer, and any free port.
const loopback = "[mesh]\nname = \"script\"\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\nmdns = false\n"

// TestScripts runs the scripts in testdata. Besides the usual commands of
// testscript they have:
//
//	fails CODE ARG...   the verb fails with this exit code, a fact and a hint,
//	                    and nothing on standard output
//	json [KEY[=VALUE]]  standard output is one document with schema_version
//	                    and these keys; dots lead inside
//	keep NAME [KEY]     standard output, or a key of its document, goes into
//	                    an environment variable
//	node                wait until a node answers on the home
//	until TEXT ARG...   run the verb again and again until it prints the text
//	await PATTERN       wait until a file matches
//	occupy NAME         take a free port; its number goes into a variable
//	idx FOLDER N        IDX files of 10 images of 28x28, where the images end
//	                    after N bytes
//	emptied NAME PART   register the first part of a split as an empty one, as
//	                    older versions did, by the entry of another part
//	own FOLDER          own.npz, the same as pictures/, and mixed/ with
//	                    pictures of two sizes
//
// The condition [data] holds where DISTILLMESH_DATA names the real data sets, and [standin] where $STANDIN has a
// stand-in for CUDA's driver, libcuda.so, and lib32.so, the same for another kind of processor.
func TestScripts(t *testing.T) {
	gpu := t.TempDir()
	absent := standins(gpu)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("DISTILLMESH_PATH", home)
			e.Setenv("DISTILLMESH_DATA", os.Getenv("DISTILLMESH_DATA"))
			e.Setenv("STANDIN", gpu)
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(home, "config.toml"), []byte(loopback), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "exits": exits, "inflate": inflate, "json": wantJSON, "keep": keep, "node": awaitNode,
			"idx": writeIDX, "occupy": occupy, "await": await, "until": until, "own": writeOwn, "emptied": writeEmptied,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "data":
				return os.Getenv("DISTILLMESH_DATA") != "", nil
			case "standin":
				return absent == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
	})
}

// standins writes libraries that stand in for CUDA's driver.
func standins(dir string) error {
	good := filepath.Join(dir, "libcuda.so")
	if err := cudatest.Compile(good); err != nil {
		return err
	}
	library, err := os.ReadFile(good)
	if err != nil {
		return err
	}
	library[4] = 1 // ELFCLASS32
	return os.WriteFile(filepath.Join(dir, "lib32.so"), library, 0o600)
}

// exits runs a command that ends with an exit code; its output may be checked.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("distillmesh", args[1:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("want exit code %d, got %v", want, err)
	}
	if got := exit.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// fails runs a command that ends with an exit code, an error, a hint, and no output.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	exits(ts, neg, args)
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("a failure printed data: %q", out)
	}
	text := ts.ReadFile("stderr")
	if !strings.Contains(text, "distillmesh: error: ") || !strings.Contains(text, "\ndistillmesh: hint: ") {
		ts.Fatalf("want an error and a hint, got %q", text)
	}
}

func wantJSON(ts *testscript.TestScript, _ bool, args []string) {
	doc := document(ts)
	if got := fmt.Sprint(doc["schema_version"]); got != strconv.Itoa(schemaVersion) {
		ts.Fatalf("schema_version %s, want %d", got, schemaVersion)
	}
	for _, a := range args {
		key, want, compare := strings.Cut(a, "=")
		if got := inside(ts, doc, key); compare && got != want {
			ts.Fatalf("%s is %q, want %q", key, got, want)
		}
	}
}

// inflate sets the accuracies in records of trainings.
func inflate(ts *testscript.TestScript, _ bool, args []string) {
	accuracy, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	records, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(records) == 0 {
		ts.Fatalf("no records %s", args[0])
	}
	for _, path := range records {
		var record map[string]any
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(path)), &record))
		record["accuracy"], record["best_accuracy"] = accuracy, accuracy
		content, err := json.Marshal(record)
		ts.Check(err)
		ts.Check(os.WriteFile(path, content, 0o600))
	}
}

// document reads standard output as exactly one JSON object.
func document(ts *testscript.TestScript) map[string]any {
	var doc map[string]any
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	dec.UseNumber()
	ts.Check(dec.Decode(&doc))
	if dec.More() {
		ts.Fatalf("more than one document on standard output")
	}
	return doc
}

// inside follows a dotted key through objects and lists; len is the length of a list.
func inside(ts *testscript.TestScript, at any, key string) string {
	for part := range strings.SplitSeq(key, ".") {
		found := false
		switch v := at.(type) {
		case map[string]any:
			at, found = v[part]
		case []any:
			if part == "len" {
				at, found = len(v), true
			} else if i, err := strconv.Atoi(part); err == nil && i < len(v) {
				at, found = v[i], true
			}
		}
		if !found {
			ts.Fatalf("the document has no %s (at %s)", key, part)
		}
	}
	return fmt.Sprint(at)
}

func keep(ts *testscript.TestScript, _ bool, args []string) {
	value := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) > 1 {
		value = inside(ts, document(ts), args[1])
	}
	if value == "" {
		ts.Fatalf("nothing to keep as %s", args[0])
	}
	ts.Setenv(args[0], value)
}

// waitLimit is how long a script waits for a condition before it gives up.
const waitLimit = 30 * time.Second

func awaitNode(ts *testscript.TestScript, _ bool, _ []string) {
	socket := filepath.Join(ts.Getenv("DISTILLMESH_PATH"), "api.sock")
	wait(ts, "a node that answers", func() bool {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		ts.Check(conn.Close())
		return true
	})
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	wait(ts, args[0], func() bool {
		ts.Check(ts.Exec("distillmesh", args[1:]...))
		return strings.Contains(ts.ReadFile("stdout"), args[0])
	})
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	wait(ts, args[0], func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		return len(found) > 0
	})
}

// wait polls a condition.
func wait(ts *testscript.TestScript, what string, met func() bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(waitLimit); !met(); <-tick.C {
		if time.Now().After(deadline) {
			ts.Fatalf("still no %s after %s", what, waitLimit)
		}
	}
}

func writeIDX(ts *testscript.TestScript, _ bool, args []string) {
	length, err := strconv.Atoi(args[1])
	ts.Check(err)
	write := func(name string, length int, header ...uint32) {
		var b bytes.Buffer
		ts.Check(binary.Write(&b, binary.BigEndian, header))
		b.Write(make([]byte, max(0, length-b.Len())))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), b.Bytes()[:length], 0o644))
	}
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755))
	write("train-images-idx3-ubyte", length, 0x0803, 10, 28, 28)
	write("train-labels-idx1-ubyte", 8+10, 0x0801, 10)
}

// occupy listens on a free port until the script ends and keeps the port in
// an environment variable.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}
