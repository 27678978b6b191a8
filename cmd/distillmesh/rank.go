package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/distill/rank/report"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/ranking"
	"github.com/distillmesh/distillmesh/train/atomicfile"
	"github.com/distillmesh/distillmesh/train/data"
)

// ranking is what the flags of rank say.
type rankFlags struct {
	rank.Plan
	rank.Options
	scoreFlags
	source          study.Source
	recipe          string
	ipc             int
	pixels          string
	together, quick bool
	most            time.Duration
	page            string
	noARS, noBytes  bool
	costs           bool
	foreign         foreignFlags
}

func (a *app) rankCommand() *cobra.Command {
	r := &rankFlags{Plan: rank.Default(), ipc: 1}
	c := &cobra.Command{Use: "rank CID|DIR|METHOD...",
		Short: "Score sets by DD-Ranking, so that anybody can compute the same scores again",
		Long: "Train models on distilled sets, on random real images of the same number and of the same bytes, and on all " +
			"real data,\nby one recipe, with learning rates chosen on held-out training samples; and print how much of what " +
			"all data give\nis recovered (HLR), what is gained over random real images (IOR), and the scores made of these " +
			"(LRS, ARS).\n\nWhat is ranked are sets that are here, by CID; folders with the files of a set; or methods, " +
			"with settings as in\nkip:official=true, which then make a set of --ipc images per class of the --data. " +
			"--task ranks all sets of a task.\n\nFinished trainings are kept in the --records folder: the same command " +
			"resumes after Ctrl-C.",
		RunE: func(cmd *cobra.Command, names []string) error {
			err := a.ranked(cmd, r, names)
			switch {
			case errors.Is(err, rank.ErrPlan) || errors.Is(err, rank.ErrRecipe):
				return api.Fail(api.CodeUsage, "see 'distillmesh rank --help'", "%w", err)
			case errors.Is(err, distill.ErrTooFew):
				return api.Fail(api.CodeUsage, "give more real samples with --data, or fewer images with --ipc", "%w", err)
			case errors.Is(err, trial.ErrInUse):
				return api.Fail(api.CodeBusy, "wait for it, or give another folder with --records", "%w", err)
			}
			return err
		}}
	r.flags(c)
	return a.readFlags(c, false)
}

func (r *rankFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&r.source.Path, "data", "",
		"real samples with a test part: a path as for 'data add', or registered data by name (default: of the sets' task)")
	f.StringVar(&r.source.Task, "task", "",
		"the task of the --data; without other arguments, rank all its sets that are here")
	f.StringSliceVar(&r.Models, "model", nil, "models to train (default: lenet,ntk:1 for images, mlp,ntk:1 for tables)")
	f.StringVar(&r.recipe, "recipe", "", "a file in TOML, or one of "+strings.Join(rank.ShippedNames(), ", ")+
		" (default: that of each method, else "+rank.Usual+")")
	f.IntVar(&r.Trials, "trials", r.Trials, "trainings of each kind; random real images are drawn anew for each")
	f.IntVar(&r.References, "references", r.References, "trainings on all real data")
	f.IntVar(&r.Epochs, "epochs", r.Epochs, "passes of each training on all real data")
	f.Float64Var(&r.ByLabels, "lrs-weight", r.ByLabels, "weight of IOR in LRS; HLR has the rest")
	f.Float64Var(&r.ByAugmentation, "ars-weight", r.ByAugmentation, "weight of the augmented trainings in ARS")
	f.BoolVar(&r.noARS, "no-ars", false, "leave out the trainings with other augmentation")
	f.BoolVar(&r.noBytes, "no-bytes", false, "leave out random real images of the same bytes")
	f.BoolVar(&r.quick, "quick", false, "the closed-form predictor alone: seconds")
	f.DurationVar(&r.most, "time", 0, "how long it may take: fewer trials, and what else has to be left out")
	f.BoolVar(&r.together, "together", false, "score all sets as one, as a trainer gathers them")
	f.IntVar(&r.ipc, "ipc", r.ipc, "stored images per class of sets that a METHOD makes")
	f.StringVar(&r.pixels, "pixels", "", pixelsHelp)
	f.StringVar(&r.Dir, "records", "", "folder for finished trainings (default: rank-DATA)")
	f.StringVarP(&r.page, "output", "o", "", "file for a page with figures, in HTML")
	f.BoolVar(&r.publish, "publish", false, "announce the scores: a claim of whoever offers the set, else an attestation")
	f.BoolVar(&r.verify, "verify", false, "compute what others claim of one set again, by their models, recipe and trials")
	f.BoolVar(&r.costs, "costs", false, "with --json: what each row took, which differs from run to run")
	deviceFlags(f, &r.Device)
	r.foreign.add(c)
	groupFlags(c, []flagGroup{
		{"What is ranked", []string{"task", "together", "ipc", "pixels"}},
		{"Against what", []string{"data", "model", "recipe", "trials", "references", "epochs", "no-ars", "no-bytes", "quick",
			"time", "lrs-weight", "ars-weight"}},
		{"On the mesh", []string{"publish", "verify"}},
		{"Where to compute", []string{"device", "workers"}},
		{"Result", []string{"output", "records", "json", "costs"}},
		{"Sets made elsewhere", foreignNames},
	})
}

// ranked ranks, verifies or exports, as the flags say, and shows what came out.
func (a *app) ranked(cmd *cobra.Command, r *rankFlags, names []string) error {
	if err := r.checkPublish(); err != nil {
		return err
	}
	if err := a.settleDevice(&r.Device); err != nil {
		return err
	}
	r.Report = func(p rank.Progress) {
		a.report(api.Progress{Stage: p.Stage, Done: p.Done, Total: p.Total, Unit: p.Unit})
	}
	if r.verify {
		return a.verifyScores(cmd, r, names)
	}
	doc, err := a.rank(cmd, r, names)
	if err != nil {
		return err
	}
	if doc == nil {
		return a.exported(r)
	}
	if err := a.showRanking(doc, r); err != nil {
		return err
	}
	return a.keepScores(cmd.Context(), doc, r)
}

// rank finds sets and data and does the work; without a document where a set is only to be exported.
func (a *app) rank(cmd *cobra.Command, r *rankFlags, names []string) (doc *rank.Document, err error) {
	if len(names) == 0 && len(r.foreign.paths) == 0 && r.source.Task == "" {
		return nil, api.Fail(api.CodeUsage, "list sets with 'distillmesh ls'", "name the sets to rank, or their --task")
	}
	r.Augmented, r.ByBytes = !r.noARS, !r.noBytes
	if err := r.readRecipe(); err != nil {
		return nil, err
	}
	if err := a.rankedSets(cmd, r, names); err != nil {
		return nil, err
	}
	if r.foreign.dir != "" {
		return nil, nil
	}
	if len(r.Models) == 0 {
		r.Models = []string{"lenet", "ntk:1"}
		if r.Data.Task.IsTable() || study.ModelsFor(r.Data.Task)[0] != "lenet" {
			r.Models = []string{"mlp", "ntk:1"}
		}
	}
	if r.quick {
		r.Models = []string{"ntk:1"}
	}
	if err := r.checkAnnounced(); err != nil {
		return nil, err
	}
	if r.together {
		r.Candidates = []rank.Candidate{ranking.Together(r.Candidates)}
	}
	notes, err := a.planRanking(cmd, r)
	if err != nil {
		return nil, err
	}
	r.Costs = true
	err = a.onDevice(&r.Device, func() (err error) {
		doc, err = rank.Run(cmd.Context(), r.Plan, r.Options)
		return err
	})
	if err == nil {
		doc.Notes = append(doc.Notes, notes...)
	}
	return doc, err
}

// readRecipe reads the recipe that is asked for.
func (r *rankFlags) readRecipe() error {
	if r.recipe == "" {
		return nil
	}
	if slices.Contains(rank.ShippedNames(), r.recipe) {
		own, err := rank.Shipped(r.recipe)
		r.Recipe = &own
		return err
	}
	doc, err := os.ReadFile(r.recipe)
	if err != nil {
		return api.Fail(api.CodeUsage, "give a file, or one of "+strings.Join(rank.ShippedNames(), ", "), "--recipe: %w", err)
	}
	own, err := rank.ParseRecipe(filepath.Base(r.recipe), doc)
	r.Recipe = &own
	return err
}

// planRanking says how long it takes, and makes it smaller where it may not take so long.
func (a *app) planRanking(cmd *cobra.Command, r *rankFlags) (notes []string, err error) {
	a.report(api.Progress{Stage: "measure this device"})
	cost, err := rank.Measure(cmd.Context(), r.Plan, r.Options)
	if err != nil {
		return nil, err
	}
	if r.most > 0 {
		if r.Plan, notes, err = cost.Within(r.Plan, r.most); err != nil {
			return nil, err
		}
		for _, n := range notes {
			a.tell("to take no longer than %v: %s", r.most, n)
		}
	}
	took, err := cost.Of(r.Plan)
	if took >= time.Minute {
		a.tell("about %v here, less what %s holds already; --time limits it", took.Round(time.Minute), r.Dir)
	}
	return notes, err
}

// rankedSets finds what is ranked, and the data.
func (a *app) rankedSets(cmd *cobra.Command, r *rankFlags, names []string) error {
	var held, folders, methods []string
	for _, name := range names {
		method, _, _ := strings.Cut(name, ":")
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			folders = append(folders, name)
		} else if _, err := registry.Method(method); err == nil {
			methods = append(methods, name)
		} else {
			held = append(held, name)
		}
	}
	if err := a.heldSets(cmd, r, held, len(names)+len(r.foreign.paths) == 0); err != nil {
		return err
	}
	if r.Data == nil {
		if r.source.Path == "" {
			return api.Fail(api.CodeUsage, "give a path, or the name of registered data", "--data is needed to rank %s",
				strings.Join(append(names, r.foreign.paths...), ", "))
		}
		var err error
		if r.Data, err = a.openReal(cmd, r.source); err != nil {
			return err
		}
	}
	if r.Dir == "" {
		r.Dir = "rank-" + r.Data.Name
	}
	for _, dir := range folders {
		c, err := ranking.Folder(dir, r.Data.Task)
		if err != nil {
			return err
		}
		r.Candidates = append(r.Candidates, c)
	}
	foreign, err := a.imported(cmd.Context(), r.foreign, r.Data)
	if err != nil {
		return err
	}
	r.Candidates = append(r.Candidates, foreign...)
	for _, label := range methods {
		c, err := rank.Make(cmd.Context(), rank.Making{Data: r.Data, Label: label, IPC: r.ipc,
			Pixels: artifact.PixelType(strings.ToUpper(r.pixels)), Dir: r.Dir, Device: r.Device, Report: r.Report})
		if err != nil {
			return err
		}
		r.Candidates = append(r.Candidates, c)
	}
	return nil
}

// openReal opens the data at a path that are recognized, or registered ones, which are read as
// they were added.
func (a *app) openReal(cmd *cobra.Command, source study.Source) (ds *data.Dataset, err error) {
	if _, missing := os.Stat(source.Path); missing == nil || source.Path == data.GlyphPath {
		return a.openStudyData(cmd, source, 0)
	}
	err = a.with(cmd.Context(), func(conn api.Conn) error {
		open, err := localdata.Open(cmd.Context(), conn, source.Path)
		if err == nil {
			ds, err = study.Parts(open.Dataset, 0)
		}
		return err
	})
	return ds, err
}

// heldSets reads sets that are here, and opens the data of their task unless others are named.
func (a *app) heldSets(cmd *cobra.Command, r *rankFlags, names []string, all bool) error {
	if len(names) == 0 && !all {
		return nil
	}
	return a.with(cmd.Context(), func(conn api.Conn) (err error) {
		var task ranking.Task
		if all {
			r.Candidates, task, err = ranking.OfTask(cmd.Context(), conn, r.source.Task)
		} else {
			r.Candidates, task, err = ranking.Held(cmd.Context(), conn, names)
		}
		for _, c := range r.Candidates {
			r.held = append(r.held, c.Name)
		}
		if err != nil || r.source.Path != "" {
			return err
		}
		if r.foreign.dir != "" {
			r.Data = &data.Dataset{Name: task.Name, Task: task.Task} // nothing is compared
			return nil
		}
		opened, err := ranking.Data(cmd.Context(), conn, task.CID)
		if err == nil {
			r.Data = opened.Dataset
		}
		return err
	})
}

// showRanking prints the table, a block per model.
func (a *app) showRanking(doc *rank.Document, r *rankFlags) error {
	a.finish()
	if r.page != "" {
		page, err := report.Page(doc, a.commandLine())
		if err == nil {
			err = errors.Join(atomicfile.Write(r.page, page), os.Chmod(r.page, 0o644))
		}
		if err != nil {
			return err
		}
		a.tell("the page is %s", r.page)
	}
	if a.json {
		shown := *doc
		if !r.costs {
			shown.Costs = nil
		}
		return a.document(&shown)
	}
	for _, model := range r.Models {
		rows := [][]string{}
		for i, row := range doc.Rows {
			if row.Model == model {
				cost := doc.Costs.Rows[i]
				rows = append(rows, append(rankLine(row), fmt.Sprintf("%.0f", cost.TrainSeconds),
					fmt.Sprintf("%.0f", cost.PeakRSS)))
			}
		}
		a.print("%s, accuracy and scores in %%", model)
		a.table("SET IMAGES BYTES SET-ACC HARD RANDOM SAME-BYTES ALL-DATA HLR IOR LRS ARS SECONDS MIB", rows)
		a.print("")
	}
	for _, t := range doc.Tau {
		a.print("%s and %s order %s by LRS with Kendall's tau %.2f", t.Models[0], t.Models[1], count(t.Sets, "set"), t.Tau)
	}
	a.tell("chosen on %d held-out training samples, scored on %d test samples; %d trials; all data: %s of %d epochs "+
		"(finished trainings: %s)", doc.Validation, doc.Test, r.Trials, count(doc.References, "training"), doc.Epochs, r.Dir)
	a.tell("took %v and %.0f MiB of memory at most; SECONDS are those of a row's trainings one after the other, MIB the "+
		"peak meanwhile", time.Duration(doc.Costs.WallSeconds*float64(time.Second)).Round(time.Second), doc.Costs.PeakRSS)
	return nil
}

// rankLine is a row of the table.
func rankLine(row rank.Row) []string {
	cell := func(s *trial.Spread) string {
		if s == nil {
			return "-"
		}
		if s.N < 2 {
			return fmt.Sprintf("%.1f", 100*s.Mean)
		}
		return fmt.Sprintf("%.1f+-%.1f", 100*s.Mean, 100*s.Std)
	}
	name := row.Set
	if strings.HasPrefix(name, "baf") && len(name) > 50 {
		name = short(name) // a CID
	}
	same := cell(row.AccRandomBytes)
	if row.RandomImages > 0 {
		same += fmt.Sprintf("(%d)", row.RandomImages)
	}
	return []string{name, fmt.Sprint(row.Images), fmt.Sprint(row.Bytes), cell(row.AccSynOwn), cell(row.AccSynHard),
		cell(row.AccRandomOwn), same, cell(row.AccReal), cell(row.HLR), cell(row.IOR), cell(row.LRS), cell(row.ARS)}
}
