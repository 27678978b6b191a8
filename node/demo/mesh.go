package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/plan"
)

// How long a node may take to start, a set to arrive, a node to stop.
const (
	startWait = 30 * time.Second
	setWait   = 60 * time.Second
	stopWait  = 10 * time.Second
)

// process is one node in a process of its own. It ends when its standard input
// does: when we close it, or when we are killed.
type process struct {
	home  home.Home
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
	conn  api.Conn
}

// mesh is the trainer and the edges.
type mesh struct {
	all     []*process // the trainer first
	trainer api.Conn
	edges   []*process
}

// startMesh starts the trainer, then the edges, which know only its address.
func startMesh(ctx context.Context, opt Options) (_ *mesh, err error) {
	m := &mesh{}
	defer func() {
		if err != nil {
			m.stop()
		}
	}()
	say(opt.Report, "start nodes", 0, clients+1, "nodes")
	name := fmt.Sprintf("demo-%d", os.Getpid())
	trainer, err := m.start(ctx, opt, name, "trainer", "")
	if err != nil {
		return nil, err
	}
	m.trainer = trainer.conn
	m.edges = make([]*process, clients)
	starting := errgroup.Group{}
	starting.SetLimit(4)
	started := make(chan *process, clients)
	for i := range clients {
		starting.Go(func() error {
			p, err := m.launch(ctx, opt, name, fmt.Sprintf("edge-%d", i+1), trainer.addr)
			if p != nil {
				m.edges[i] = p
				started <- p
			}
			return err
		})
	}
	err = starting.Wait()
	close(started)
	for p := range started {
		m.all = append(m.all, p)
	}
	say(opt.Report, "start nodes", int64(len(m.all)), clients+1, "nodes")
	return m, err
}

func (m *mesh) start(ctx context.Context, opt Options, mesh, name, bootstrap string) (*process, error) {
	p, err := m.launch(ctx, opt, mesh, name, bootstrap)
	if p != nil {
		m.all = append(m.all, p)
	}
	return p, err
}

// launch makes a home and starts a node on it: loopback only, no mDNS, a mesh
// name of its own.
func (m *mesh) launch(ctx context.Context, opt Options, mesh, name, bootstrap string) (*process, error) {
	p := &process{home: home.Home{Path: filepath.Join(opt.Dir, name)}}
	role := strings.Split(name, "-")[0]
	if _, _, err := p.home.Init(role); err != nil {
		return nil, err
	}
	list := ""
	if bootstrap != "" {
		list = fmt.Sprintf("%q", bootstrap)
	}
	text := fmt.Sprintf("[mesh]\nname = %q\nrole = %q\nmdns = false\nlisten = [\"/ip4/127.0.0.1/tcp/0\", "+
		"\"/ip4/127.0.0.1/udp/0/quic-v1\"]\nbootstrap = [%s]\n", mesh, role, list)
	if err := os.WriteFile(p.home.ConfigPath(), []byte(text), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(p.home.Path, "node.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(opt.Self, "run", "--while-stdin")
	p.cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+p.home.Path)
	p.cmd.Stderr = log
	detach(p.cmd)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, p.ready(ctx, stdout, log.Name())
}

// ready waits for the address that a started node prints.
func (p *process) ready(ctx context.Context, stdout io.Reader, log string) error {
	lines := make(chan string, 1)
	go func() {
		scan := bufio.NewScanner(stdout)
		for scan.Scan() {
			if strings.HasPrefix(scan.Text(), "/ip4/127.0.0.1/tcp/") {
				lines <- scan.Text()
				break
			}
		}
		close(lines)
		io.Copy(io.Discard, stdout) // until the node ends
	}()
	timer := time.NewTimer(startWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return api.Fail(api.CodeStalled, "see "+log, "a node did not start within %s", startWait)
	case addr, ok := <-lines:
		if !ok {
			return api.Fail(api.CodeFailed, "see "+log, "a node ended while starting")
		}
		p.addr = addr
	}
	if err := p.connect(ctx); err != nil {
		return api.Fail(api.CodeStalled, "see "+log, "a started node does not answer: %w", err)
	}
	return nil
}

// connect reaches the node, which listens on its socket before it prints addresses.
func (p *process) connect(ctx context.Context) error {
	path, err := p.home.SocketPath()
	if err != nil {
		return err
	}
	client, err := api.Dial(ctx, path)
	if err != nil {
		return err
	}
	p.conn = client
	return nil
}

// distill lets every edge register its part, distill it and publish the set.
func (m *mesh) distill(ctx context.Context, path string, l *lab, report api.Report) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	finished := make(chan int, clients)
	for i, e := range m.edges {
		group.Go(func() error {
			entry, err := localdata.Add(ctx, e.conn, path, localdata.Options{}, nil)
			if err != nil {
				return err
			}
			s := split()
			if _, err := localdata.Split(ctx, e.conn, entry.Name, s, i); err != nil {
				return err
			}
			set, err := jobs.Distill(ctx, e.conn, jobs.DistillOptions{Data: s.PartName(entry.Name, i),
				Method: l.method.Name(), Options: l.method.Settings(), Budget: budget,
				Device: device.Choice{Workers: 1}}, nil)
			if err != nil {
				return err
			}
			if _, err := operations.Publish.Do(ctx, e.conn, operations.PublishRequest{CID: set.CID}, nil); err != nil {
				return err
			}
			finished <- i
			say(report, "distill and announce", int64(len(finished)), clients, "sets")
			return nil
		})
	}
	return group.Wait()
}

// await waits until the trainer has fetched a set of every edge.
func (m *mesh) await(ctx context.Context, task string, report api.Report) ([]operations.SetInfo, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	had, since := 0, time.Now()
	for {
		sets, err := operations.Sets.Do(ctx, m.trainer, operations.SetQuery{Task: task}, nil)
		if err != nil {
			return nil, err
		}
		say(report, "gather by CID", int64(len(sets)), clients, "sets")
		if len(sets) == clients {
			return sets, nil
		}
		if len(sets) > had {
			had, since = len(sets), time.Now()
		}
		if time.Since(since) > setWait {
			return nil, api.Fail(api.CodeStalled, "see the node.log files in the homes",
				"the trainer has %d of %d sets and gets no more", len(sets), clients)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// train lets the trainer's node train the first consumer, by the recipe that
// the sets recommend, and publish it. The stored model is the first one in the
// table.
func (m *mesh) train(ctx context.Context, l *lab, report api.Report) (string, error) {
	got, err := jobs.Train(ctx, m.trainer, plan.Train{Version: plan.SchemaVersion, Task: l.task.Name,
		Model: consumers[0].model, Publish: true, Device: device.Choice{Workers: 1}}, home.Home{}, report)
	if err != nil {
		return "", err
	}
	if *got.Recipe != l.coded.Recipe {
		return "", fmt.Errorf("the sets recommend %+v, the controls train by %+v", *got.Recipe, l.coded.Recipe)
	}
	_, published, err := jobs.ReadModel(ctx, m.trainer, got.CID)
	if err != nil {
		return "", err
	}
	return got.CID, l.measure(ctx, consumers[0].model, fromSets, published.Trained)
}

// traffic sums what all nodes sent.
func (m *mesh) traffic(ctx context.Context, task string) (moved int64, fedavg operations.FedAvgBytes, err error) {
	for _, p := range m.all {
		cost, err := operations.Cost.Do(ctx, p.conn, operations.CostRequest{Task: task, Model: consumers[0].model}, nil)
		if err != nil {
			return 0, fedavg, err
		}
		moved += cost.Out
		if p.conn == m.trainer {
			fedavg = *cost.FedAvg
		}
	}
	return moved, fedavg, nil
}

// stop ends all nodes and waits for them.
func (m *mesh) stop() error {
	var errs []error
	for _, p := range m.all {
		if p.conn != nil {
			p.conn.Close()
		}
		p.stdin.Close()
	}
	for _, p := range m.all {
		timer := time.AfterFunc(stopWait, func() { p.cmd.Process.Kill() })
		if err := p.cmd.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", filepath.Base(p.home.Path), err))
		}
		timer.Stop()
	}
	return errors.Join(errs...)
}

func say(report api.Report, stage string, done, total int64, unit string) {
	if report != nil {
		report(api.Progress{Stage: stage, Done: done, Total: total, Unit: unit})
	}
}
