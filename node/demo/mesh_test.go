package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
)

// fake is a node that has moved some bytes and holds more sets each time it is asked.
type fake struct {
	*api.Table
	out    int64
	sets   int
	closed bool
}

func newFake(out int64) *fake {
	f := &fake{out: out}
	f.Table = api.NewTable(
		api.Handle(operations.Cost, f.cost),
		api.Handle(operations.Sets, func(context.Context, operations.SetQuery, api.Report) ([]operations.SetInfo,
			error) {
			f.sets++
			return make([]operations.SetInfo, f.sets), nil
		}))
	return f
}

func (f *fake) cost(_ context.Context, req operations.CostRequest, _ api.Report) (operations.CostInfo, error) {
	if f.out < 0 {
		return operations.CostInfo{}, errors.New("gone")
	}
	b := operations.FedAvg(100, clients)
	return operations.CostInfo{In: 1, Out: f.out, Model: req.Model, FedAvg: &b}, nil
}

func (f *fake) Online() bool { return true }
func (f *fake) Close() error {
	f.closed = true
	return nil
}

func TestTrafficIsWhatAllNodesSent(t *testing.T) {
	trainer := newFake(100)
	m := &mesh{trainer: trainer, all: []*process{{conn: trainer}, {conn: newFake(20)}, {conn: newFake(3)}}}
	moved, fedavg, err := m.traffic(t.Context(), "glyph-digits")
	if err != nil || moved != 123 || fedavg.Up != 4000 || fedavg.Down != 4000 {
		t.Errorf("moved %d, FedAvg %+v, %v", moved, fedavg, err)
	}
	m.all = append(m.all, &process{conn: newFake(-1)})
	if _, _, err := m.traffic(t.Context(), "glyph-digits"); err == nil {
		t.Error("a node that is gone counts")
	}
}

func TestItWaitsForTheSetsOfAllEdges(t *testing.T) {
	trainer := newFake(0)
	trainer.sets = clients - 2
	m := &mesh{trainer: trainer}
	var last api.Progress
	sets, err := m.await(t.Context(), "glyph-digits", func(p api.Progress) { last = p })
	if err != nil || len(sets) != clients || last.Done != clients || last.Total != clients {
		t.Errorf("%d sets, %v, reported %+v", len(sets), err, last)
	}
	trainer.sets = 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.await(ctx, "glyph-digits", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// program writes a script that stands for this program.
func program(t *testing.T, script string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestANodeThatDoesNotStartIsReported(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"it ends at once":          {"exit 1\n", "a node ended while starting"},
		"it prints something else": {"echo hello\n", "a node ended while starting"},
		"it answers to nobody": {"echo /ip4/127.0.0.1/tcp/1/p2p/x\nexec cat >/dev/null\n",
			"a started node does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			opt := Options{Dir: t.TempDir(), Self: program(t, c.script)}
			m := &mesh{}
			p, err := m.start(t.Context(), opt, "test", "edge-1", "")
			if p == nil || len(m.all) != 1 {
				t.Fatalf("started %+v, %v", p, err)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			config, err := os.ReadFile(p.home.ConfigPath())
			if err != nil || !strings.Contains(string(config), "role = \"edge\"") || !strings.Contains(string(config),
				"mdns = false") {
				t.Errorf("configured as %s, %v", config, err)
			}
			if err := m.stop(); (err != nil) != (name == "it ends at once") {
				t.Errorf("stopped: %v", err)
			}
		})
	}
}

func TestDataThatCannotBeShownAreRefused(t *testing.T) {
	table := filepath.Join(t.TempDir(), "flowers.csv")
	if err := os.WriteFile(table, []byte("a,b,label\n1,2,x\n2,1,y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"data of no known task": table, "what is not there": table + "x"} {
		if got, err := Run(t.Context(), Options{Data: path, Dir: t.TempDir()}); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	_, err := Run(t.Context(), Options{Data: table, Dir: t.TempDir()})
	if d := api.Describe(err); d.Code != api.CodeUsage || !strings.Contains(d.Hint, "simulate") {
		t.Errorf("data of no known task: %+v", *d)
	}
}
