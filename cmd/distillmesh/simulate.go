package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/study/report"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/zca"
)

func (a *app) simulateCommand() *cobra.Command {
	p := study.Plan{IPC: 1, Seeds: 3, Curve: 20}
	var split splitFlags
	var opt study.Options
	source := study.Source{Path: data.GlyphPath}
	whiten, budget, pixels, validation := false, "", "", 0.0
	c := &cobra.Command{Use: "simulate", Short: "What would my devices gain? Any split, method and model, compared with the baselines", Args: args(0, 0),
		Long: "Split data over clients, distil each part, merge what is written, train, and compare with random real images of the same\n" +
			"bytes and treatment, with federated learning and with all the data. No network is used; the code is the nodes' own.\n" +
			"The folder of -o keeps what is done: the same command goes on after Ctrl-C, and more methods or seeds add to it.\n\n" +
			"Methods take settings, as in kip:official=true or fedavg:rounds=5:epochs=1:fraction=0.5; auto is what distill would choose.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := opt.Device.Check(); err != nil {
				return api.Fail(api.CodeUsage, "give one of: "+strings.Join(device.Names, ", "), "%w", err)
			}
			if p.Split, err = split.parse(2); err != nil {
				return err
			}
			if p.Budget, err = imageBudget(cmd, budget); err != nil {
				return err
			}
			p.Pixels = artifact.PixelType(strings.ToUpper(pixels))
			if p.Data, err = a.openStudyData(cmd, source, validation); err != nil {
				return err
			}
			if whiten {
				a.report(api.Progress{Stage: "whiten"})
				if p.Data, err = zca.Whiten(cmd.Context(), p.Data, opt.Device.Workers); err != nil {
					return err
				}
			}
			if len(p.Consumers) == 0 {
				p.Consumers = study.ModelsFor(p.Data.Task)
			}
			if len(p.Methods) == 0 {
				p.Methods = study.MethodsFor(p.Data.Task)
			}
			if opt.Dir == "" {
				opt.Dir = fmt.Sprintf("study-%s.%s.%d", p.Data.Name, p.Split, p.Split.Clients)
			}
			opt.Report = func(s study.Progress) {
				a.report(api.Progress{Stage: s.Stage, Done: s.Done, Total: s.Total, Unit: s.Unit})
			}
			if missing := p.Missing(); missing != nil {
				a.tell("%s: no client of this split holds %s, so no method can learn them; use more clients or classes per client",
					p.Data.Name, strings.Join(missing, ", "))
			}
			a.tellIdle(&p)
			doc, err := study.Run(cmd.Context(), p, opt)
			if errors.Is(err, study.ErrPlan) {
				return api.Fail(api.CodeUsage, "see 'distillmesh simulate --help'", "%w", err)
			}
			if errors.Is(err, trial.ErrInUse) {
				return api.Fail(api.CodeBusy, "wait for it, or give another folder with -o", "%w", err)
			}
			if err != nil {
				return err
			}
			return a.showStudy(doc, opt.Dir, report.Options{Task: p.Data.Task, Command: a.commandLine()})
		}}
	f := c.Flags()
	list := func(names []string) string { return strings.Join(names, ",") }
	f.StringVar(&source.Path, "data", source.Path, "what to split: a path as for 'data add', or registered data by name")
	f.StringVar(&source.Task, "task", "", "a built-in task that the data at a path belong to (default: recognized, else derived from the data)")
	f.StringVar(&source.Augment, "augment", "", "of a task derived from the data, "+augmentHelp)
	addReadingFlags(c, &source.Reading)
	split.add(c)
	f.IntVar(&p.IPC, "ipc", p.IPC, "stored images per class and client")
	f.StringVar(&budget, "budget", "", "largest size of a client's set, such as 20KB; decides how many images there are and what they hold, in place of --ipc")
	f.StringSliceVar(&p.Methods, "method", nil, "methods and federated strategies, with settings after colons (default: "+list(study.DefaultMethods)+")")
	f.StringSliceVar(&p.Consumers, "model", nil, "models to train (default: those of "+list(study.DefaultImageModels)+" that fit, else "+list(study.DefaultTableModels)+")")
	f.IntVar(&p.Seeds, "seeds", p.Seeds, "runs of each combination")
	f.StringVar(&pixels, "pixels", pixels, "how pixels are stored: U4 (half a byte) or U8 (with a range per image), F16 or F32 (default: U4 for dm, dsa and dc, else U8)")
	f.IntVar(&p.Formation, "formation", 0, "sub-images along a side of a stored image (default: the method's own)")
	f.IntVar(&p.Steps, "steps", 0, "training steps (default: what the sets recommend)")
	f.IntVar(&p.Curve, "curve", p.Curve, "evaluations per run, on the test set, the last iterate included")
	f.Float64Var(&validation, "validation", 0, "evaluate on this share of the training samples, held out, instead of the test part: for choosing settings")
	f.BoolVar(&whiten, "zca", false, "whiten images (ZCA) by the statistics of all training samples, as publications on pooled data do; no device of a mesh has them")
	f.BoolVar(&p.NoBound, "no-bound", false, "leave out the training on all data")
	f.StringVar(&opt.Device.Name, "device", device.Auto, "where to compute: auto, cpu (gorgonia checks results, very slowly)")
	coresFlag(f, &opt.Device.Workers)
	f.StringVarP(&opt.Dir, "output", "o", "", "folder for finished runs and the report (default: study-DATA.SPLIT.CLIENTS)")
	return a.readFlags(c, false)
}

// tellIdle says how many clients of a split take no part; what is wrong with the
// plan itself is for the study to say.
func (a *app) tellIdle(p *study.Plan) {
	without, tooFew, all, err := p.Idle()
	if err != nil || without == all {
		return
	}
	if without > 0 {
		a.tell("%s: %d of %d clients (all seeds) have no samples and are skipped; fewer clients or a larger alpha give each some",
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
			a.tell("%s: %s", ds.Name, printable(line))
		}
	}
	for _, remark := range ds.Remarks {
		a.tell("%s: %s", ds.Name, printable(remark))
	}
	return ds, nil
}

// openRegistered opens registered data, which are read as they were added.
func (a *app) openRegistered(cmd *cobra.Command, name string) (ds *data.Dataset, err error) {
	for _, flag := range append(slices.Clone(readingFlags), "task", "augment") {
		if cmd.Flags().Changed(flag) {
			return nil, api.Fail(api.CodeUsage, "give a path; registered data are read as they were added", "no file %s, and --%s says how to read files", name, flag)
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
		return nil, api.Fail(api.CodeUsage, "give a path, or a name that 'distillmesh data ls' lists", "no file %s, and no registered data: %w", name, err)
	}
	return ds, nil
}

// showStudy writes the report beside what was done and prints what was found.
func (a *app) showStudy(doc *study.Document, dir string, opt report.Options) error {
	a.finish()
	if err := report.Write(dir, doc, opt); err != nil {
		return err
	}
	if a.json {
		content, err := doc.JSON()
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(content)
		return err
	}
	a.studyTable(doc)
	for _, sentence := range report.Answer(doc) {
		a.print("%s", wrap(strings.NewReplacer("±", "+-", "−", "-").Replace(printable(sentence)), studyWidth))
	}
	a.tell("everything is in %s; open %s", dir, filepath.Join(dir, report.PageFile))
	return nil
}

// studyWidth is how many columns the table of a study takes at most, if names of
// methods can be cut so far.
const studyWidth = 100

// studyTable prints a block of lines a model.
func (a *app) studyTable(doc *study.Document) {
	var blocks [][][]string
	where := map[string]int{}
	for _, s := range doc.Summary {
		i, known := where[s.Consumer]
		if !known {
			i = len(blocks)
			where[s.Consumer] = i
			blocks = append(blocks, [][]string{{printable(s.Consumer), "accuracy %", "- control [95 %]", "images", "up", "down", "s"}})
		}
		blocks[i] = append(blocks[i], studyLine(s))
	}
	widths := make([]int, 7)
	for _, block := range blocks {
		for _, line := range block {
			for i, cell := range line {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	room := studyWidth
	for _, w := range widths[1:] {
		room -= w + 2
	}
	widths[0] = min(widths[0], max(room, 16))
	for _, block := range blocks {
		for _, line := range block {
			out := fmt.Sprintf("%-*s", widths[0], middle(line[0], widths[0]))
			for i, cell := range line[1:] {
				out += fmt.Sprintf("  %*s", widths[i+1], cell)
			}
			a.print("%s", out)
		}
		a.print("")
	}
}

func studyLine(s study.Summary) []string {
	accuracy, difference, images := fmt.Sprintf("%.1f", 100*s.Accuracy.Mean), "-", "-"
	if s.Accuracy.N > 1 {
		accuracy += fmt.Sprintf(" +-%.1f", 100*s.Accuracy.Std)
	}
	if d := s.MinusRandom; d != nil {
		difference = fmt.Sprintf("%+.1f", 100*d.Mean)
		if d.Low != nil {
			difference += fmt.Sprintf(" [%+.1f %+.1f]", 100**d.Low, 100**d.High)
		}
	}
	if s.Images > 0 {
		images = fmt.Sprint(s.Images)
	}
	return []string{"  " + printable(s.Method), fmt.Sprintf("%s [%d]", accuracy, s.Accuracy.N), difference, images,
		size(s.BytesUp), size(s.BytesDown), fmt.Sprintf("%.1f", s.Seconds)}
}

// wrap breaks a sentence into lines, those after the first set in.
func wrap(s string, most int) string {
	out, column := "", 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case out == "":
		case column+1+n > most:
			out, column = out+"\n  ", 2
		default:
			out, column = out+" ", column+1
		}
		out, column = out+word, column+n
	}
	return out
}

// middle leaves out the middle of what is longer than so many runes.
func middle(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:(most-1)/2]) + ".." + string(r[len(r)-(most-2)/2:])
}

// commandLine is the command as it was given, ready to paste.
func (a *app) commandLine() string {
	out := "distillmesh"
	for _, word := range a.args {
		out += " " + shellWord(word)
	}
	return out
}

// shellWord quotes what a shell would read otherwise.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_=:,./+%@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
