package doctor

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train/gpu"
	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

var update = flag.Bool("update", false, "write docs/problems.md from the table")

func TestTheProblemsPageIsMadeFromTheTable(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "problems.md")
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil || string(page) != Markdown() {
		t.Errorf("docs/problems.md is not made from the table: 'go test ./node/doctor -update' makes it (%v)", err)
	}
}

func TestEveryCheckIsWholeAndItsCodeItsOwn(t *testing.T) {
	seen, code := map[string]bool{}, regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, c := range Checks() {
		if !code.MatchString(c.Code) || seen[c.Code] || c.Title == "" || c.Why == "" || c.Fix == "" || c.look == nil {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
	for _, p := range []string{operations.ProblemClock, operations.ProblemCopy, operations.ProblemFiles} {
		if !seen[p] {
			t.Errorf("the node's own problem %s has no check", p)
		}
	}
}

// healthy are the facts of a node that runs and has met another.
func healthy() *Facts {
	cfg := configs.Default()
	return &Facts{Home: home.Home{Path: "/home/of/node"}, ID: "12D3KooWNode", Config: &cfg, Engine: "cpu avx2",
		Status: &operations.StatusInfo{Running: true, Role: "edge", Peers: 1, StoreBytes: 5e6, QuotaBytes: 100e6},
		Peers:  []operations.PeerInfo{{ID: "12D3KooWPeer"}}}
}

func TestAHealthyNodeHasNothingToFix(t *testing.T) {
	for _, r := range Examine(healthy()) {
		if r.State != OK || r.Seen == "" || r.Fix != "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatIsWrongIsSeen(t *testing.T) {
	hinted, busy := api.Fail(api.CodeUsage, "do this", "it is broken"), api.Fail(api.CodeBusy, "stop it", "it is used")
	for name, c := range map[string]struct {
		change func(f *Facts)
		code   string
		state  State
		says   string
		fix    string
	}{
		"no home": {func(f *Facts) { f.HomeErr, f.Absent = hinted, true }, "home", Error, "it is broken", "do this"},
		"an open home": {func(f *Facts) { f.Mode = map[string]string{"identity": "0644"} }, "home-permissions", Warning,
			"identity is 0644", "chmod 600"},
		"a lost key": {func(f *Facts) { f.IDErr = hinted }, "identity", Error, "it is broken", "do this"},
		"a wrong setting": {func(f *Facts) { f.ConfigErr = errors.New("quota: no size") }, "config", Error, "quota",
			"config.toml"},
		"a newer home": {func(f *Facts) { f.HomeErr = hinted }, "identity", Skipped, "the home cannot be used", ""},
		"a newer home's settings": {func(f *Facts) { f.HomeErr = hinted }, "config", Skipped, "the home cannot be used",
			""},
		"the key of no home": {func(f *Facts) { f.HomeErr, f.Absent = hinted, true }, "identity", Skipped,
			"there is no home", ""},
		"a damaged state": {func(f *Facts) { f.Status, f.StatusErr, f.StateErr = nil, hinted, errors.New("half a file") },
			"state", Error, "half a file", "data add"},
		"no node without its state": {func(f *Facts) { f.Status, f.StatusErr, f.StateErr = nil, hinted, hinted },
			"running", Skipped, "could not start", ""},
		"a home that does not open": {func(f *Facts) { f.Status, f.StatusErr = nil, hinted }, "running", Error,
			"cannot be opened: it is broken", "do this"},
		"a home that a verb uses": {func(f *Facts) { f.Status, f.StatusErr = nil, busy }, "running", Warning,
			"a verb uses the home", "wait"},
		"a home that a training uses": {func(f *Facts) {
			f.Status, f.StatusErr, f.Work = nil, busy, []work.Kept{{Running: true}}
		}, "running", OK, "a distillation or training uses the home", ""},
		"the store of a home in use": {func(f *Facts) { f.Status, f.StatusErr = nil, busy }, "store", Skipped,
			"another process uses the home", ""},
		"no node": {func(f *Facts) { f.Status.Running = false }, "running", Warning, "no node runs",
			"distillmesh run"},
		"nobody there": {func(f *Facts) { f.Status.Peers = 0 }, "peers", Warning, "none", "--bootstrap"},
		"a refused peer": {func(f *Facts) { f.Peers[0].Refused = "another mesh" }, "peers-refused", Warning,
			"another mesh", "peers"},
		"a clock that is off": {told(operations.ProblemClock), operations.ProblemClock, Error, "seen by the node",
			"its hint"},
		"a copied home": {told(operations.ProblemCopy), operations.ProblemCopy, Error, "seen by the node", "its hint"},
		"few files": {told(operations.ProblemFiles), operations.ProblemFiles, Error, "seen by the node",
			"its hint"},
		"a nearly full store": {func(f *Facts) { f.Status.StoreBytes = 95e6 }, "store", Warning, "95.0 MB of 100 MB",
			"rm CID"},
		"a full store": {func(f *Facts) { f.Status.StoreBytes = 101e6 }, "store", Error, "101 MB of 100 MB",
			"rm CID"},
		"a store without a quota": {func(f *Facts) { f.Status.QuotaBytes = 0 }, "store", OK, "5.00 MB", ""},
		"interrupted work": {func(f *Facts) {
			f.Work = []work.Kept{{Path: "old", Bytes: 1e6}, {Path: "new", Bytes: 2e6, Changed: time.Unix(9, 0)}}
		}, "interrupted-work", Warning, "2, 3.00 MB; the last is new", "same command"},
		"running work": {func(f *Facts) { f.Work = []work.Kept{{Path: "now", Bytes: 2e6, Running: true}} },
			"interrupted-work", OK, "none; 1 running", ""},
		"running and interrupted work": {func(f *Facts) {
			f.Work = []work.Kept{{Path: "old", Bytes: 1e6}, {Path: "now", Bytes: 2e6, Running: true, Changed: time.Unix(9, 0)}}
		}, "interrupted-work", Warning, "1, 1.00 MB; the last is old; 1 running", "same command"},
		"a file for a folder": {func(f *Facts) { f.WorkErr = errors.New("training: not a directory") },
			"interrupted-work", Error, "not a directory", "remove or rename"},
		"nobody to compare keys with": {func(f *Facts) { f.Status.Peers = 0 }, operations.ProblemCopy, Skipped,
			"not known: no peer", ""},
		"nobody to compare clocks with": {func(f *Facts) { f.Status.Peers = 0 }, operations.ProblemClock, Skipped,
			"not known: no peer", ""},
		"a key met once": {func(f *Facts) {}, operations.ProblemCopy, OK, "no other node with this key was met", ""},
		"a copy seen without peers": {func(f *Facts) { f.Status.Peers = 0; told(operations.ProblemCopy)(f) },
			operations.ProblemCopy, Error, "seen by the node", "its hint"},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.change(f)
			seen := false
			for _, r := range Examine(f) {
				if r.Code != c.code {
					continue
				}
				seen = true
				if r.State != c.state || !strings.Contains(r.Seen, c.says) || !strings.Contains(r.Fix, c.fix) {
					t.Errorf("%+v", r)
				}
			}
			if !seen {
				t.Errorf("no check %s", c.code)
			}
			if rows := Examine(f); Count(rows, OK)+Count(rows, Skipped)+Count(rows, Warning)+Count(rows, Error) != len(rows) ||
				Count(rows, c.state) == 0 {
				t.Errorf("counted wrongly: %+v", rows)
			}
		})
	}
}

// told is a problem that the node itself reports.
func told(code string) func(f *Facts) {
	return func(f *Facts) {
		f.Status.Problems = []operations.Problem{{Code: code, Message: "seen by the node", Hint: "its hint"}}
	}
}

// What follows from a fault that another check names is skipped, not said twice.
func TestWithoutAHomeOneFaultIsSaid(t *testing.T) {
	t.Setenv("DISTILLMESH_PATH", t.TempDir())
	h, err := home.Find()
	if err != nil {
		t.Fatal(err)
	}
	f := Gather(t.Context(), h, nil)
	rows := Examine(f)
	if n := Count(rows, Error); n != 1 || rows[0].State != Error {
		t.Errorf("%d errors: %+v", n, rows)
	}
	for _, r := range rows {
		if r.State == OK && r.Code != "device" {
			t.Errorf("without a home %+v", r)
		}
	}
}

// A home whose version cannot be used is not called absent.
func TestAHomeThatCannotBeUsedIsThere(t *testing.T) {
	for name, version := range map[string]string{"empty": "", "newer": "99\n"} {
		t.Run(name, func(t *testing.T) {
			h := home.Home{Path: t.TempDir()}
			if err := os.WriteFile(h.File("version"), []byte(version), 0o600); err != nil {
				t.Fatal(err)
			}
			rows := Examine(Gather(t.Context(), h, nil))
			if n := Count(rows, Error); n != 1 || rows[0].State != Error {
				t.Errorf("%d errors: %+v", n, rows)
			}
			for _, r := range rows {
				if r.Seen == "there is no home" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// Facts of a home with a damaged file of what is remembered and a file in place of a folder.
func TestFilesThatAreNotWhatTheyShouldBeAreFound(t *testing.T) {
	h := home.Home{Path: t.TempDir()}
	if _, _, err := h.Init("edge"); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{state.FileName: "{", "training": ""} {
		if err := os.WriteFile(h.File(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rows := Examine(Gather(t.Context(), h, func(context.Context, home.Home) (api.Conn, error) {
		return nil, errors.New("it does not open")
	}))
	got := map[string]Row{}
	for _, r := range rows {
		got[r.Code] = r
	}
	for code, says := range map[string]string{"state": state.FileName, "interrupted-work": "training"} {
		if r := got[code]; r.State != Error || !strings.Contains(r.Seen, says) {
			t.Errorf("%+v", r)
		}
	}
	if r := got["running"]; r.State != Skipped {
		t.Errorf("%+v", r)
	}
}

// noGPU is what is found by drivers that have no device to compute on.
func noGPU(devices []gpu.Device, absent ...string) func(*Facts) {
	return func(f *Facts) {
		f.GPUs.Devices, f.GPUs.Absent = devices, absent
		_, f.GPUErr = f.GPUs.Candidates()
	}
}

func TestGPUsAreSeenInOneLine(t *testing.T) {
	old := []gpu.Device{{Info: driver.Info{ID: "cuda:0"}, Reason: "compute capability 3.5, 5.0 is needed"}}
	processor := []gpu.Device{{Info: driver.Info{ID: "opencl:0", CPU: true}}}
	for name, c := range map[string]struct {
		change func(f *Facts)
		state  State
		says   string
	}{
		"a GPU": {func(f *Facts) { f.GPU = "cuda:0" }, OK, "cuda:0 passed its self-test; cpu avx2"},
		"no driver": {noGPU(nil, "CUDA: no driver installed", "OpenCL: no driver installed"), OK,
			"no driver of a GPU"},
		"a processor as a device": {noGPU(processor, "CUDA: no driver installed"), OK, "processors alone"},
		"a driver without a GPU": {noGPU(nil, "CUDA: the driver lists no device"), Warning,
			"no GPU can be used: no such GPU: CUDA: the driver lists no device"},
		"a driver and no permission": {noGPU(nil, "CUDA: cuInit: no CUDA-capable device is detected (CUDA error 100); no "+
			"permission for /dev/nvidiactl"), Warning, "no permission for /dev/nvidiactl"},
		"a driver for another processor": {noGPU(nil, "CUDA: library not loaded: libcuda.so.1: wrong ELF class: ELFCLASS32"),
			Warning, "wrong ELF class"},
		"a GPU that is too old": {noGPU(old), Warning, "cuda:0: compute capability 3.5"},
		"a GPU that computes wrongly": {func(f *Facts) {
			f.GPUs.Devices = []gpu.Device{{Info: driver.Info{ID: "cuda:0"}}}
			f.GPUErr = errors.New("cuda:0 failed its self-test")
		}, Warning, "no GPU can be used: cuda:0 failed its self-test"},
	} {
		f := healthy()
		c.change(f)
		rows := Examine(f)
		at := slices.IndexFunc(rows, func(r Row) bool { return r.Code == "device" })
		if at < 0 {
			t.Fatal("devices are not examined")
		}
		r := rows[at]
		if r.State != c.state || !strings.Contains(r.Seen, c.says) || strings.Contains(r.Seen, "\n") ||
			(r.State == OK) != (r.Fix == "") || r.State == Warning && !strings.Contains(r.Fix, "gpu ls") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
