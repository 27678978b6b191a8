// Command attack runs a mesh of processes on loopback while attackers with fresh keys
// do all they can at once, and says what became of the honest sets: whether every trainer
// holds every one, how long that took, and what the edges needed of memory and disk.
//
//	go run ./test/attack [-for 10m] [-edges 10] [-trainers 3] [-attackers 17] [-rate 100]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// plan is what to run.
type plan struct {
	last                       time.Duration // of the attack
	edges, trainers, attackers int
	sets                       int     // that each edge publishes while it lasts
	rate                       float64 // false records a second, of all attackers together
	program                    string  // the program under attack
	dir                        string  // of the homes
	tell                       io.Writer
}

// result is what became of it.
type result struct {
	Published, Delivered, Wanted int
	Quiet, Median, P95, Most     time.Duration // from announcing to holding; Quiet before the attack
	Edge, Trainer                usage         // of the largest process; 0 where the system does not say
	EdgeDiskMiB, TrainerDiskMiB  float64       // the largest growth of a home
	Listing, LongestListing      time.Duration // of what is announced, asked of edges during the attack
	Scores                       int           // the most that were listed of one set
	Said                         map[string]int64
}

func main() {
	p := plan{tell: os.Stderr}
	flag.DurationVar(&p.last, "for", 10*time.Minute, "how long the attack lasts")
	flag.IntVar(&p.edges, "edges", 10, "honest edges")
	flag.IntVar(&p.trainers, "trainers", 3, "honest trainers")
	flag.IntVar(&p.attackers, "attackers", 17, "attackers")
	flag.IntVar(&p.sets, "sets", 6, "sets of each edge")
	flag.Float64Var(&p.rate, "rate", 100, "false records a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := attack(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

// attack builds the program, runs the plan and prints the result.
func attack(ctx context.Context, p plan) (err error) {
	if p.dir, err = os.MkdirTemp("", "dm"); err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	if p.program, err = build(ctx, p.dir); err != nil {
		return err
	}
	got, err := p.run(ctx)
	if err != nil {
		return err
	}
	got.print(os.Stdout)
	if got.Delivered < got.Wanted {
		return fmt.Errorf("%d of %d sets did not arrive", got.Wanted-got.Delivered, got.Wanted)
	}
	return nil
}

// build compiles the program into a folder.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "distillmesh")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/distillmesh/distillmesh/cmd/distillmesh")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
}

// arrival is how long every set may take after the attack has ended.
const arrival = 2 * time.Minute

// run starts the honest nodes, then the attackers, and publishes in between.
func (p plan) run(ctx context.Context) (got result, err error) {
	honest, err := p.start(ctx)
	defer func() { err = errors.Join(err, honest.stop()) }()
	if err != nil {
		return got, err
	}
	fmt.Fprintf(p.tell, "%d edges and %d trainers run\n", p.edges, p.trainers)
	// One set of each edge travels before the attack, to compare.
	quiet := honest.publish(ctx, 0, p.edges*2*int(time.Second), p.edges)
	if !honest.wait(ctx, arrival) {
		return got, errors.New("the sets did not arrive without an attack")
	}
	got.Quiet = middle(honest.delays(quiet))
	before := honest.disk()
	all, err := p.attack(ctx, honest)
	defer func() { err = errors.Join(err, all.stop()) }()
	if err != nil {
		return got, err
	}
	honest.watching.Go(func() { honest.listing(honest.ctx) })
	published := honest.publish(ctx, p.edges, int(p.last), p.edges*(p.sets-1))
	honest.wait(ctx, arrival)
	got.Listing, got.LongestListing, got.Scores = honest.listings()
	for _, lack := range honest.missing() {
		fmt.Fprintln(p.tell, lack)
	}
	delays := honest.delays(published)
	slices.Sort(delays)
	got.Published, got.Wanted, got.Delivered = len(published), len(published)*p.trainers, len(delays)
	got.Median = middle(delays)
	if n := len(delays); n > 0 {
		got.P95, got.Most = delays[min(n-1, n*95/100)], delays[n-1]
	}
	got.Edge, got.Trainer = honest.memory()
	got.EdgeDiskMiB, got.TrainerDiskMiB = grown(before, honest.disk())
	got.Said = all.said.counts()
	return got, errors.Join(ctx.Err(), honest.err())
}

func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// print writes the result as a table.
func (r result) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "sets published during the attack\t%d\n", r.Published)
	fmt.Fprintf(w, "held by trainers\t%d of %d\n", r.Delivered, r.Wanted)
	fmt.Fprintf(w, "announced to held, before\t%.2f s (median)\n", r.Quiet.Seconds())
	fmt.Fprintf(w, "during\t%.2f s (median), %.2f s (95 %%), %.2f s (longest)\n", r.Median.Seconds(), r.P95.Seconds(),
		r.Most.Seconds())
	fmt.Fprintf(w, "memory, largest edge\t%.0f MiB of its own, %.0f with the pages of files; trainer %.0f, %.0f\n",
		r.Edge.own, r.Edge.resident, r.Trainer.own, r.Trainer.resident)
	fmt.Fprintf(w, "disk, largest growth of an edge\t%.1f MiB, trainer %.1f MiB\n", r.EdgeDiskMiB, r.TrainerDiskMiB)
	fmt.Fprintf(w, "an edge lists what is announced in\t%.2f s (median), %.2f s (longest); at most %d scores of one set\n",
		r.Listing.Seconds(), r.LongestListing.Seconds(), r.Scores)
	for _, name := range kinds {
		fmt.Fprintf(w, "attack: %s\t%d\n", name, r.Said[name])
	}
	w.Flush()
}

// some is a few of a list, drawn at random.
func some[T any](list []T, n int) []T {
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}
