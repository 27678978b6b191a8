package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
)

// meshName keeps the mesh apart from any other on this computer.
var meshName = fmt.Sprintf("attack-%d", os.Getpid())

// taskName is the task of all honest sets.
const taskName = "glyph-digits"

// process is one honest node.
type process struct {
	home home.Home
	cmd  *exec.Cmd
	addr string
	conn api.Conn
	sets []string // made, and not yet published
	held map[string]time.Time
	most usage
}

// honest are the honest nodes, the trainers first.
type honest struct {
	trainers, edges []*process
	watching        sync.WaitGroup
	ctx             context.Context // until stop
	cancel          context.CancelFunc

	mu        sync.Mutex
	published map[string]time.Time
	listed    []time.Duration
	scores    int
	failed    error
}

// start makes homes and sets and starts a process for each.
func (p plan) start(ctx context.Context) (*honest, error) {
	ctx, cancel := context.WithCancel(ctx)
	h := &honest{ctx: ctx, cancel: cancel, published: map[string]time.Time{}}
	defer func() { h.watching.Go(func() { h.weigh(ctx) }) }() // once all have started
	for i := range p.trainers + p.edges {
		role, bootstrap := node.RoleTrainer, ""
		if i >= p.trainers {
			role = node.RoleEdge
		}
		if i > 0 {
			bootstrap = h.trainers[0].addr
		}
		one, err := newProcess(ctx, p, i, role)
		if err != nil {
			return h, err
		}
		if err := one.start(ctx, p.program, bootstrap); err != nil {
			return h, err
		}
		if role == node.RoleTrainer {
			h.trainers = append(h.trainers, one)
			h.watching.Go(func() { h.watch(ctx, one) })
		} else {
			h.edges = append(h.edges, one)
		}
	}
	return h, nil
}

// newProcess makes a home, and the sets of an edge.
func newProcess(ctx context.Context, p plan, i int, role string) (*process, error) {
	one := &process{home: home.Home{Path: filepath.Join(p.dir, strconv.Itoa(i))}, held: map[string]time.Time{}}
	if _, _, err := one.home.Init(role); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[mesh]\nname = %q\nrole = %q\nmdns = false\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n", meshName,
		role)
	if err := os.WriteFile(one.home.ConfigPath(), []byte(config), 0o600); err != nil || role == node.RoleTrainer {
		return one, err
	}
	n, err := node.OpenOffline(one.home, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return one, errors.Join(one.makeSets(ctx, n, i, p.sets), n.Close())
}

// makeSets distills sets that differ in their seed.
func (o *process) makeSets(ctx context.Context, n api.Conn, part, count int) error {
	if _, err := localdata.Add(ctx, n, data.GlyphPath, localdata.Options{}, nil); err != nil {
		return err
	}
	split := data.Split{Kind: data.Ring, Clients: 100, PerClient: 2}
	if _, err := localdata.Split(ctx, n, taskName, split, part); err != nil {
		return err
	}
	for seed := range count {
		made, err := jobs.Distill(ctx, n, jobs.DistillOptions{Data: split.PartName(taskName, part), Method: "gmm", IPC: 1,
			Seed: uint64(seed), Pixels: artifact.U8}, nil)
		if err != nil {
			return err
		}
		o.sets = append(o.sets, made.CID)
	}
	return nil
}

// start runs the program until stop.
func (o *process) start(ctx context.Context, program, bootstrap string) error {
	args := []string{"run", "--while-stdin"}
	if bootstrap != "" {
		args = append(args, "--bootstrap", bootstrap)
	}
	o.cmd = exec.Command(program, args...)
	o.cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+o.home.Path)
	if _, err := o.cmd.StdinPipe(); err != nil { // closed with this process
		return err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := o.cmd.Start(); err != nil {
		return err
	}
	scan := bufio.NewScanner(out)
	if !scan.Scan() {
		return errors.New("a node ended while it started")
	}
	o.addr = scan.Text()
	go io.Copy(io.Discard, out) // ends with the process
	o.conn, err = node.ConnectNow(ctx, o.home, slog.New(slog.DiscardHandler))
	return err
}

// watch notes when a trainer holds a set.
func (h *honest) watch(ctx context.Context, one *process) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := operations.HeldSets.Do(ctx, one.conn, operations.TaskRequest{Name: taskName}, nil)
		h.mu.Lock()
		if err != nil && ctx.Err() == nil {
			h.failed = err
		}
		for _, set := range held {
			if _, known := one.held[set]; !known {
				one.held[set] = time.Now()
			}
		}
		h.mu.Unlock()
	}
}

// publish announces so many sets, evenly over a time in nanoseconds, of one edge after
// the other, and returns them.
func (h *honest) publish(ctx context.Context, from, over, count int) (out []string) {
	pause := time.Duration(over / max(1, count))
	for i := range count {
		select {
		case <-ctx.Done():
			return out
		case <-time.After(pause):
		}
		one := h.edges[(from+i)%len(h.edges)]
		set := one.sets[0]
		one.sets = one.sets[1:]
		at := time.Now()
		_, err := operations.Publish.Do(ctx, one.conn, operations.PublishRequest{CID: set}, nil)
		h.mu.Lock()
		h.failed = errors.Join(h.failed, err)
		h.published[set] = at
		h.mu.Unlock()
		out = append(out, set)
	}
	return out
}

// delays are how long sets took to each trainer that holds them.
func (h *honest) delays(sets []string) (out []time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, set := range sets {
		for _, t := range h.trainers {
			if at, ok := t.held[set]; ok {
				out = append(out, at.Sub(h.published[set]))
			}
		}
	}
	return out
}

// missing are the sets that were published and that a trainer lacks, once for each.
func (h *honest) missing() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for set, at := range h.published {
		for i, t := range h.trainers {
			if _, ok := t.held[set]; !ok {
				out = append(out, fmt.Sprintf("trainer %d lacks %s, published at %s", i, set, at.Format(time.TimeOnly)))
			}
		}
	}
	return out
}

// wait waits until every trainer holds every set that was published.
func (h *honest) wait(ctx context.Context, most time.Duration) bool {
	for end := time.Now().Add(most); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if len(h.missing()) == 0 {
			return true
		}
	}
	return false
}

func (h *honest) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

// all are the trainers, then the edges.
func (h *honest) all() []*process { return append(append([]*process{}, h.trainers...), h.edges...) }

// disk is how many bytes each home takes, by its path; edges come with their role.
func (h *honest) disk() map[*process]int64 {
	out := map[*process]int64{}
	for _, one := range h.all() {
		filepath.WalkDir(one.home.Path, func(_ string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				if info, err := e.Info(); err == nil {
					out[one] += info.Size()
				}
			}
			return nil // files come and go
		})
	}
	return out
}

// grown is by how many MiB the home of an edge and of a trainer grew at most.
func grown(before, after map[*process]int64) (edge, trainer float64) {
	for one, bytes := range after {
		more := float64(bytes-before[one]) / (1 << 20)
		if one.sets == nil {
			trainer = max(trainer, more)
		} else {
			edge = max(edge, more)
		}
	}
	return edge, trainer
}

// stop ends every process.
func (h *honest) stop() error {
	if h == nil {
		return nil
	}
	h.cancel()
	h.watching.Wait()
	var errs []error
	for _, one := range h.all() {
		if one.conn != nil {
			one.conn.Close()
		}
		if one.cmd.Process != nil {
			errs = append(errs, one.cmd.Process.Kill())
			one.cmd.Wait() // says that it was killed
		}
	}
	return errors.Join(errs...)
}
