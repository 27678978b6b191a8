package node

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"log/slog"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
)

// crowded is an offline node that keeps sets, made of one by changing its seed.
func crowded(b *testing.B, n int, method string) (home.Home, *Node) {
	b.Helper()
	h, node, name := offline(b)
	for i := range n {
		if _, err := jobs.Distill(b.Context(), node, jobs.DistillOptions{Data: name, Method: method, IPC: 1,
			Seed: uint64(i + 1), Pixels: artifact.U8}, nil); err != nil {
			b.Fatal(err)
		}
	}
	return h, node
}

// BenchmarkSetsHeld reports, for a node that keeps a number of sets: a look of a
// trainer, status, listing, and reading all as a training does, per set.
func BenchmarkSetsHeld(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, node := crowded(b, n, "random")
			measure := func(what string, times int, call func() error) {
				start := time.Now()
				for range times {
					if err := call(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(time.Since(start).Microseconds())/1000/float64(times), "ms/"+what)
			}
			for b.Loop() {
				measure("list", 20, func() error {
					_, err := node.held.List(b.Context(), announce.SubjectSet, cid.Undef)
					return err
				})
				measure("status", 20, func() error {
					_, err := operations.Status.Do(b.Context(), node, api.None{}, nil)
					return err
				})
				measure("ls", 1, func() error {
					_, err := operations.Sets.Do(b.Context(), node, operations.SetQuery{}, nil)
					return err
				})
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB/heap")
				measure("readall", 1, func() error {
					_, _, err := jobs.ReadSets(b.Context(), node, data.WellKnownTask("glyph-digits"), heldSets(b, node))
					return err
				})
			}
		})
	}
}

// sizes are how many sets are kept: a hundred and a thousand, or the number in DISTILLMESH_SCALE.
func sizes() []int {
	if n, err := strconv.Atoi(os.Getenv("DISTILLMESH_SCALE")); err == nil && n > 0 {
		return []int{n}
	}
	return []int{100, 1000}
}

func heldSets(b *testing.B, n *Node) []string {
	b.Helper()
	held, err := operations.HeldSets.Do(b.Context(), n, operations.TaskRequest{Name: "glyph-digits"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return held
}

// BenchmarkATrainerFetches reports how long a trainer takes to fetch all sets of a
// publisher, and the longest answer to status meanwhile.
func BenchmarkATrainerFetches(b *testing.B) {
	const n = 1000
	h, offline := crowded(b, n, "gmm")
	for _, set := range heldSets(b, offline) {
		if _, err := operations.Publish.Do(b.Context(), offline, operations.PublishRequest{CID: set}, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := offline.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		edge := startNode(b, h, StartOptions{})
		dir, err := os.MkdirTemp("", "dm")
		if err != nil {
			b.Fatal(err)
		}
		h := home.Home{Path: dir}
		if _, _, err := h.Init(RoleTrainer); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		trainer := startNode(b, h, StartOptions{Role: RoleTrainer, Bootstrap: edge.Addrs()[:1]})
		slowest := time.Duration(0)
		for {
			asked := time.Now()
			s, err := operations.Status.Do(b.Context(), trainer, api.None{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			slowest = max(slowest, time.Since(asked))
			if s.Sets == n || time.Since(start) > 2*time.Minute {
				b.ReportMetric(float64(s.Sets), "sets")
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/all")
		b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/slowest-status")
		began := time.Now()
		if _, err := (trainerNode{trainer}).Look(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/look")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/(1<<20), "MiB/two-nodes")
		trainer.Close()
		edge.Close()
		os.RemoveAll(dir)
	}
}

func startNode(b *testing.B, h home.Home, opt StartOptions) *Node {
	b.Helper()
	opt.Log = slog.New(slog.DiscardHandler)
	b.Setenv("DISTILLMESH_MESH_MDNS", "false")
	b.Setenv("DISTILLMESH_MESH_LISTEN", "/ip4/127.0.0.1/tcp/0")
	n, err := Start(b.Context(), h, opt)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkScoresAnnounced lists the sets of a task of which others announce scores of the largest
// size: the first time, when all are new, and again.
func BenchmarkScoresAnnounced(b *testing.B) {
	_, node, _ := offline(b)
	task, err := artifact.TaskCID(data.WellKnownTask("glyph-digits"))
	if err != nil {
		b.Fatal(err)
	}
	score := tooGood(b, "00")
	for _, model := range []string{"convnet3", "mlp", "lenet"} {
		row := score.Rows[0]
		row.Model = model
		score.Rows = append(score.Rows, row)
	}
	body, err := score.Encode()
	if err != nil {
		b.Fatal(err)
	}
	const n = 8192
	for i := range n {
		root, err := artifact.RawCID([]byte(strconv.Itoa(i)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := node.held.Book.Issue(b.Context(), freshKey(b), announce.Announcement{Task: task,
			Kind: announce.Offer, Subject: announce.SubjectScore, Root: root, Schema: scores.Schema, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	list := func() {
		if _, err := node.known.Sets(b.Context(), task); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			node.known = catalogue.New(node.held, node.id, 100, node.log)
			node.known.JudgeScores(catalogue.ScoreRules{Check: checkScore, Remember: time.Hour, Now: time.Now})
			list()
		}
	})
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			list()
		}
	})
	b.Logf("bodies of %d bytes", len(body))
}
