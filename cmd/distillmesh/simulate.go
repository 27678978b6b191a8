package main

import (
	"errors"
	"fmt"
	"github.com/distillmesh/distillmesh/distill/auto"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/study/report"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/zca"
)

// simulation is what the flags of simulate say.
type simulation struct {
	study.Plan
	study.Options
	source         study.Source
	split          splitFlags
	budget, pixels string
	validation     float64
	whiten         bool
}

func (a *app) simulateCommand() *cobra.Command {
	s := &simulation{Plan: study.Plan{IPC: 1, Seeds: 3, Curve: 20}, source: study.Source{Path: data.GlyphPath}}
	c := &cobra.Command{Use: "simulate", Args: args(0, 0),
		Short: "What would my devices gain? Any split, method and model, compared with the baselines",
		Long: "Split data over clients, distill each part, merge the sets, train, and compare with random real " +
			"images of the same\nsize and treatment, with federated learning and with all the data. No network is used; the " +
			"code is that of the nodes.\nThe -o folder keeps finished runs: the same command resumes after Ctrl-C, and more " +
			"methods or seeds can be added.\n\nMethods take settings, as in kip:official=true or " +
			"fedavg:rounds=5:epochs=1:fraction=0.5; auto is the method that distill would choose.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.planStudy(cmd, s); err != nil {
				return err
			}
			var doc *study.Document
			err := a.onDevice(&s.Device, func() (err error) {
				doc, err = study.Run(cmd.Context(), s.Plan, s.Options)
				return err
			})
			switch {
			case errors.Is(err, study.ErrPlan):
				return api.Fail(api.CodeUsage, "see 'distillmesh simulate --help'", "%w", err)
			case errors.Is(err, trial.ErrInUse):
				return api.Fail(api.CodeBusy, "wait for it, or give another folder with -o", "%w", err)
			case err != nil:
				return err
			}
			return a.showStudy(doc, s.Dir, report.Options{Task: s.Data.Task, Command: a.commandLine()})
		}}
	s.flags(c)
	return a.readFlags(c, false)
}

// flags adds the flags, in groups.
func (s *simulation) flags(c *cobra.Command) {
	f, list := c.Flags(), func(names []string) string { return strings.Join(names, ",") }
	f.StringVar(&s.source.Path, "data", s.source.Path,
		"what to split: a path as for 'data add', or registered data by name")
	f.StringVar(&s.source.Task, "task", "",
		"a built-in task that the data at a path belong to (default: recognized, else derived from the data)")
	f.StringVar(&s.source.Augment, "augment", "", "for a task derived from the data: "+augmentHelp)
	addReadingFlags(c, &s.source.Reading)
	f.Float64Var(&s.validation, "validation", 0,
		"evaluate on this share of the training samples, held out, instead of the test part: for choosing settings")
	f.BoolVar(&s.whiten, "zca", false,
		"whiten images (ZCA) by the statistics of all training samples, as publications on "+
			"pooled data do; no device of a mesh has them")
	s.split.add(c)
	f.StringSliceVar(&s.Methods, "method", nil,
		"methods and federated strategies, with settings after colons (default: "+list(study.DefaultMethods)+")")
	f.StringSliceVar(&s.Consumers, "model", nil, "models to train (default: those of "+list(study.DefaultImageModels)+
		" that fit, else "+list(study.DefaultTableModels)+")")
	f.IntVar(&s.Seeds, "seeds", s.Seeds, "runs of each combination")
	f.IntVar(&s.Steps, "steps", 0, "training steps (default: what the sets recommend)")
	f.IntVar(&s.Curve, "curve", s.Curve, "evaluations per run, on the test set, the last iterate included")
	f.BoolVar(&s.NoBound, "no-bound", false, "leave out the training on all data")
	f.IntVar(&s.IPC, "ipc", s.IPC,
		"stored images per class and client; of dm, dsa and dc without it and --budget what 'distill' makes")
	f.StringVar(&s.budget, "budget", "",
		"largest size of a client's set, such as 20KB: decides how many images there are "+
			"and what they hold, in place of --ipc")
	f.IntVar(&s.Formation, "formation", 0, "sub-images along a side of a stored image (default: the method's own)")
	f.StringVar(&s.pixels, "pixels", "", pixelsHelp)
	deviceFlags(f, &s.Device)
	f.StringVarP(&s.Dir, "output", "o", "", "folder for finished runs and the report (default: study-DATA.SPLIT.CLIENTS)")
	groupFlags(c, []flagGroup{
		{"Data", []string{"data", "task", "augment", "validation", "zca"}},
		{"Split", []string{"clients", "ring", "dirichlet", "iid"}},
		{"Comparison", []string{"method", "model", "seeds", "steps", "curve", "no-bound"}},
		{"Size", []string{"ipc", "budget", "formation", "pixels"}},
		{"Where to compute", []string{"device", "workers"}},
		{"Result", []string{"output", "json"}},
		{"How to read files", readingFlags},
	})
}

// planStudy opens the data, fills in what no flag says, and tells what the split
// leaves out.
func (a *app) planStudy(cmd *cobra.Command, s *simulation) (err error) {
	if s.Split, err = s.split.parse(2); err != nil {
		return err
	}
	if s.Budget, err = imageBudget(cmd, s.budget); err != nil {
		return err
	}
	if err := a.settleDevice(&s.Device); err != nil {
		return err
	}
	s.Pixels = artifact.PixelType(strings.ToUpper(s.pixels))
	if s.Data, err = a.openStudyData(cmd, s.source, s.validation); err != nil {
		return err
	}
	if s.whiten {
		a.report(api.Progress{Stage: "whiten"})
		if s.Data, err = zca.Whiten(cmd.Context(), s.Data, s.Device.Workers); err != nil {
			return err
		}
	}
	if len(s.Consumers) == 0 {
		s.Consumers = study.ModelsFor(s.Data.Task)
	}
	if len(s.Methods) == 0 {
		s.Methods = study.MethodsFor(s.Data.Task)
	}
	if s.Dir == "" {
		s.Dir = fmt.Sprintf("study-%s.%s.%d", s.Data.Name, s.Split, s.Split.Clients)
	}
	s.Report = func(p study.Progress) {
		a.report(api.Progress{Stage: p.Stage, Done: p.Done, Total: p.Total, Unit: p.Unit})
	}
	if missing := s.Missing(); missing != nil {
		a.tell("%s: no client of this split holds %s, so no method can learn them; use more clients or classes per client",
			s.Data.Name, strings.Join(missing, ", "))
	}
	a.tellIdle(&s.Plan)
	s.Usual = s.Budget == 0 && !cmd.Flags().Changed("ipc") && !cmd.Flags().Changed("pixels")
	if s.Usual && artifact.DCT.Check(s.Data.Task.Shape) == nil {
		a.tell("%s: images of dm, dsa and dc take what 'distill' gives them, %d bytes for a client of two classes; "+
			"other methods make %d per class (--budget, --ipc)", s.Data.Name, auto.UsualBudget(s.Data.Task.Shape, 2), s.IPC)
	}
	return nil
}

// tellIdle says how many clients of a split take no part; what is wrong with the
// plan itself is for the study to say.
func (a *app) tellIdle(p *study.Plan) {
	without, tooFew, all, err := p.Idle()
	if err != nil || without == all {
		return
	}
	if without > 0 {
		a.tell("%s: %d of %d clients (all seeds) have no samples and are skipped; fewer clients or a larger alpha give "+
			"each some",
			p.Data.Name, without, all)
	}
	if tooFew > 0 {
		a.tell("%s: %d of %d clients (all seeds) have too few samples of every class for %s and are skipped by distillation",
			p.Data.Name, tooFew, all, count(p.IPC, "image"))
	}
}

// openStudyData opens registered data by name, or a path, with the parts that a
// study needs, and tells what was found.
func (a *app) openStudyData(cmd *cobra.Command, source study.Source, validation float64) (ds *data.Dataset, err error) {
	if err := checkAugment(source.Augment); err != nil {
		return nil, err
	}
	if _, missing := os.Stat(source.Path); missing != nil && source.Path != data.GlyphPath {
		ds, err = a.openRegistered(cmd, source.Path)
	} else {
		ds, err = source.Open()
	}
	if err == nil {
		ds, err = study.Parts(ds, validation)
	}
	for _, c := range []struct {
		cause error
		hint  string
	}{
		{study.ErrTask, "leave out --task: one is derived from the data"},
		{study.ErrAugment, "leave out --augment"},
		{study.ErrValidation, "give a share of the training samples, such as --validation 0.1"},
		{study.ErrHoldout, "add samples or a test part; of a table choose the column of labels with --label"},
	} {
		if errors.Is(err, c.cause) {
			return nil, api.Fail(api.CodeUsage, c.hint, "%s: %w", source.Path, err)
		}
	}
	if err != nil {
		return nil, err
	}
	if r := open.ReportOf(ds); r != nil {
		for _, line := range append(r.Lines()[:1], r.NoteLines()...) {
			a.tell("%s: %s", ds.Name, line)
		}
	}
	for _, remark := range ds.Remarks {
		a.tell("%s: %s", ds.Name, remark)
	}
	return ds, nil
}

// openRegistered opens registered data, which are read as they were added.
func (a *app) openRegistered(cmd *cobra.Command, name string) (ds *data.Dataset, err error) {
	for _, flag := range append(slices.Clone(readingFlags), "task", "augment") {
		if cmd.Flags().Changed(flag) {
			return nil, api.Fail(api.CodeUsage, "give a path; registered data are read as they were added",
				"no file %s, and --%s says how to read files", name, flag)
		}
	}
	err = a.with(cmd.Context(), func(conn api.Conn) error {
		open, err := localdata.Open(cmd.Context(), conn, name)
		if err == nil {
			ds = open.Dataset
		}
		return err
	})
	if err != nil {
		return nil, api.Fail(api.CodeUsage, "give a path, or a name that 'distillmesh data ls' lists",
			"no file %s, and no registered data: %w", name, err)
	}
	return ds, nil
}
