package volunteer

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

// newHome is a home whose node reaches loopback alone, in a mesh of its own. Its path is short enough for a socket.
func newHome(t *testing.T, mesh string) home.Home {
	t.Helper()
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := home.Home{Path: dir}
	if _, _, err := h.Init("auto"); err != nil {
		t.Fatal(err)
	}
	config := "[mesh]\nname = \"volunteers\"\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\nmdns = false\n" + mesh
	if err := os.WriteFile(h.ConfigPath(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// journal is what a node has said.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) said(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), text)
}

func start(t *testing.T, h home.Home, opt node.StartOptions) (*node.Node, *journal) {
	t.Helper()
	j := &journal{}
	opt.Log = slog.New(slog.NewTextHandler(j, nil))
	n, err := node.Start(t.Context(), h, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, j
}

// until asks again and again until the answer is as it should be.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !met(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still not %s after a minute", what)
		}
	}
}

// offer publishes a set, so that the mesh has a task.
func offer(t *testing.T, c api.Conn) string {
	t.Helper()
	if _, err := localdata.Add(t.Context(), c, data.GlyphPath, localdata.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	split := data.Split{Kind: data.Ring, Clients: 100, PerClient: 2}
	if _, err := localdata.Split(t.Context(), c, "glyph-digits", split, 0); err != nil {
		t.Fatal(err)
	}
	made, err := jobs.Distill(t.Context(), c, jobs.DistillOptions{Data: split.PartName("glyph-digits", 0), Method: "gmm",
		IPC: 1, Seed: 1, Pixels: artifact.U8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operations.Publish.Do(t.Context(), c, operations.PublishRequest{CID: made.CID}, nil); err != nil {
		t.Fatal(err)
	}
	return made.CID
}

func TestANodeIsAnEdgeAndWithAGPUATrainer(t *testing.T) {
	s := cudatest.New(t)
	s.Init(100, 0, 12040)
	other, _ := start(t, newHome(t, "role = \"edge\"\n"), node.StartOptions{})
	set := offer(t, other)
	h := newHome(t, "")
	opt := node.StartOptions{Bootstrap: other.Addrs()[:1]}

	n, said := start(t, h, opt)
	if n.Role() != node.RoleEdge || !said.said("no GPU to train on: no such GPU: CUDA: cuInit: no CUDA-capable device") {
		t.Errorf("without a GPU: %s, %s", n.Role(), said.text.String())
	}
	role := func() string {
		peers, err := operations.Peers.Do(t.Context(), other, api.None{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range peers {
			if p.ID == n.ID().String() {
				return p.Role
			}
		}
		return ""
	}
	trainers := func() int {
		info, err := operations.ShowTask.Do(t.Context(), other, operations.TaskRequest{Name: "glyph-digits"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return info.Trainers
	}
	until(t, "known as an edge", func() bool { return role() == node.RoleEdge })
	if n := trainers(); n != 0 {
		t.Errorf("%d trainers without a GPU", n)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	s.Init(0, 1, 12040)
	n, said = start(t, h, opt)
	if n.Role() != node.RoleTrainer || !said.said("cuda:0, Stand-in 0, passed its self-test, so this node trains for the "+
		"mesh") || !said.said("config.toml declines") {
		t.Errorf("with a GPU: %s, %s", n.Role(), said.text.String())
	}
	if s.Count("runs") == 0 || s.Count("contexts") != 0 {
		t.Errorf("the self-test ran %d kernels and left %d contexts", s.Count("runs"), s.Count("contexts"))
	}
	until(t, "known as a trainer", func() bool { return role() == node.RoleTrainer })
	until(t, "announced as a trainer of the task", func() bool { return trainers() == 1 })
	until(t, "in possession of the set", func() bool {
		all, err := operations.Sets.Do(t.Context(), n, operations.SetQuery{}, nil)
		return err == nil && len(all) == 1 && all[0].CID == set
	})
}

func TestANodeMayDeclineAndAGPUThatIsWrongIsNoReasonToTrain(t *testing.T) {
	s := cudatest.New(t)
	n, said := start(t, newHome(t, "role = \"edge\"\n"), node.StartOptions{})
	if n.Role() != node.RoleEdge || s.Count("runs") != 0 || said.said("GPU") {
		t.Errorf("declined: %s after %d kernels, %s", n.Role(), s.Count("runs"), said.text.String())
	}
	s.Break("fma.rn.f32")
	n, said = start(t, newHome(t, ""), node.StartOptions{})
	if n.Role() != node.RoleEdge || !said.said("no GPU to train on: cuda:0 Stand-in 0 failed its self-test") {
		t.Errorf("a GPU that computes wrongly: %s, %s", n.Role(), said.text.String())
	}
	n, said = start(t, newHome(t, "role = \"trainer\"\n"), node.StartOptions{})
	if n.Role() != node.RoleTrainer || said.said("GPU") {
		t.Errorf("a trainer by configuration: %s, %s", n.Role(), said.text.String())
	}
}
