package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/zca"
)

// What simulate compares unless told otherwise.
var (
	usualMethods      = []string{"random", "gmm", "kip", "dm", "fedavg:epochs=5"}
	usualTableMethods = []string{"random", "gmm", "kip", "fedavg:epochs=5"}
	usualImageModels  = []string{"lenet", "convnet3:64", "ntk:1"}
	usualTableModels  = []string{"mlp", "ntk:1"}
)

func (a *app) simulateCommand() *cobra.Command {
	p := study.Plan{IPC: 1, Seeds: 3, Curve: 20}
	var split splitFlags
	var opt study.Options
	var reading open.Reading
	whiten := false
	from, task, augmentation, budget, pixels, validation := data.GlyphPath, "", "", "", "", 0.0
	c := &cobra.Command{Use: "simulate", Short: "What would my devices gain? Any split, method and model beside the baselines", Args: args(0, 0),
		Long: "Split data over clients, distil each part, merge what is written, train, and compare with random real images of the same\n" +
			"bytes and treatment, with federated learning and with all the data. No network is used; the code is the nodes' own.\n" +
			"The folder of -o keeps what is done: the same command goes on after Ctrl-C, and more methods or seeds add to it.\n\n" +
			"Methods take settings, as in kip:official=true or fedavg:rounds=5:epochs=1:fraction=0.5; auto is what distill would choose.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.Split, err = split.parse(2); err != nil {
				return err
			}
			if p.Budget, err = imageBudget(cmd, budget); err != nil {
				return err
			}
			p.Pixels = artifact.PixelType(strings.ToUpper(pixels))
			if p.Data, err = a.openStudyData(cmd, from, task, augmentation, reading, validation); err != nil {
				return err
			}
			if whiten {
				a.report(api.Progress{Stage: "whiten"})
				if p.Data, err = zca.Whiten(cmd.Context(), p.Data, opt.Device.Workers); err != nil {
					return err
				}
			}
			if len(p.Consumers) == 0 {
				p.Consumers = usualModels(p.Data.Task)
			}
			if len(p.Methods) == 0 {
				p.Methods = usualMethods
				if p.Data.Task.IsTable() {
					p.Methods = usualTableMethods
				}
			}
			if opt.Dir == "" {
				opt.Dir = fmt.Sprintf("study-%s.%s.%d", p.Data.Name, p.Split, p.Split.Clients)
			}
			opt.Report = func(s study.Progress) {
				a.report(api.Progress{Stage: s.Stage, Done: s.Done, Total: s.Total, Unit: s.Unit})
			}
			if missing := unheld(p); missing != "" {
				a.tell("%s: no client of this split holds %s, so no method can learn them; more clients or classes per client would", p.Data.Name, missing)
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
	f.StringVar(&from, "data", from, "what to split: a path as for 'data add', or registered data by name")
	f.StringVar(&task, "task", "", "a built-in task that the data at a path belong to (default: recognised, else made of the data)")
	f.StringVar(&augmentation, "augment", "", "of a task made of the data, "+augmentHelp)
	addReadingFlags(c, &reading)
	split.add(c)
	f.IntVar(&p.IPC, "ipc", p.IPC, "stored images per class and client")
	f.StringVar(&budget, "budget", "", "how many bytes a client's set may weigh, such as 20KB: decides the images, and what they hold")
	f.StringSliceVar(&p.Methods, "method", nil, "methods and federated strategies, with settings after colons (default: "+strings.Join(usualMethods, ",")+")")
	f.StringSliceVar(&p.Consumers, "model", nil, "models to train (default: those of "+strings.Join(usualImageModels, ",")+" that fit, else "+strings.Join(usualTableModels, ",")+")")
	f.IntVar(&p.Seeds, "seeds", p.Seeds, "runs of each combination")
	f.StringVar(&pixels, "pixels", pixels, "how pixels are stored: U4 (half a byte) or U8 (with a range an image), F16 or F32 (default: U4 for dm, dsa and dc, else U8)")
	f.IntVar(&p.Formation, "formation", 0, "tiles along a side of a stored image (default: the method's own)")
	f.IntVar(&p.Steps, "steps", 0, "training steps (default: what the sets recommend)")
	f.IntVar(&p.Curve, "curve", p.Curve, "times that the test set is looked at during a training")
	f.Float64Var(&validation, "validation", 0, "score on this share of the training samples, held out, and leave the test part alone: for choosing settings")
	f.BoolVar(&whiten, "zca", false, "whiten images by the statistics of all training samples, as literature on pooled data does; no device of a mesh has them")
	f.BoolVar(&p.NoBound, "no-bound", false, "leave out the training on all data")
	coresFlag(f, &opt.Device.Workers)
	f.StringVarP(&opt.Dir, "output", "o", "", "folder of what is done and of the report (default: study-DATA.SPLIT.CLIENTS)")
	return a.readFlags(c, false)
}

// usualModels are the models for images that suit a task, or those for tables
// when no network among them does.
func usualModels(t *data.Task) (out []string) {
	networks := 0
	for _, name := range usualImageModels {
		spec, err := model.Parse(name, t.Shape, len(t.Classes))
		if err != nil {
			continue
		}
		out = append(out, name)
		if spec.Iterative() {
			networks++
		}
	}
	if networks == 0 {
		return usualTableModels
	}
	return out
}

// unheld names the classes that a ring leaves without a holder.
func unheld(p study.Plan) string {
	if p.Split.Kind != data.Ring || p.Split.Validate(len(p.Data.Task.Classes)) != nil {
		return ""
	}
	var names []string
	for at := p.Split.Clients + p.Split.PerClient - 1; at < len(p.Data.Task.Classes); at++ {
		names = append(names, p.Data.Task.Classes[at])
	}
	return strings.Join(names, ", ")
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

// openStudyData opens registered data by name, or a path: well-known data as
// their task, other data as a task of their own. Without a test part some of
// each class is held out; a validation share stands in for the test part.
func (a *app) openStudyData(cmd *cobra.Command, from, task, augmentation string, reading open.Reading, validation float64) (ds *data.Dataset, err error) {
	if err := checkAugment(augmentation); err != nil {
		return nil, err
	}
	known := data.WellKnownTask(task)
	if task != "" && known == nil {
		return nil, api.Fail(api.CodeUsage, "leave out --task: one is made of the data", "%q is no built-in task", task)
	}
	made := false
	if _, missing := os.Stat(from); missing != nil && from != data.GlyphPath {
		for _, flag := range append(readingFlags, "task") {
			if cmd.Flags().Changed(flag) {
				return nil, api.Fail(api.CodeUsage, "give a path; registered data are read as they were added", "no file %s, and --%s says how to read files", from, flag)
			}
		}
		err = a.with(cmd.Context(), func(conn api.Conn) error {
			open, err := localdata.Open(cmd.Context(), conn, from)
			if err == nil {
				ds = open.Dataset
			}
			return err
		})
		if err != nil {
			return nil, api.Fail(api.CodeUsage, "give a path, or a name that 'distillmesh data ls' lists", "no file %s, and no registered data: %w", from, err)
		}
	} else if known != nil {
		ds, err = reading.Open(from, known)
	} else {
		draft := data.Task{Version: data.TaskVersion, Augment: augmentation}
		if draft.Name, err = taskName(from); err != nil {
			return nil, err
		}
		ds, made, err = reading.OpenOrDerive(from, draft)
	}
	if err != nil {
		return nil, err
	}
	if augmentation != "" && !made {
		return nil, api.Fail(api.CodeUsage, "leave out --augment", "%s belong to the task %s, which says how its samples may change", from, ds.Task.Name)
	}
	if validation != 0 {
		if ds, err = ds.Validation(validation); err != nil {
			return nil, api.Fail(api.CodeUsage, "give a share of the training samples, such as --validation 0.1", "%w", err)
		}
	}
	if ds, err = ds.Holdout(data.DefaultHoldout, 0); err != nil {
		return nil, api.Fail(api.CodeUsage, "add samples or a test part; of a table choose the column of labels with --label", "%s: %w", from, err)
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

// taskName names a task after a file without its endings, or after a folder.
func taskName(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	base := filepath.Base(path)
	name := strings.TrimSuffix(base, ".gz")
	if name = strings.TrimSuffix(name, filepath.Ext(name)); name == "" {
		name = base
	}
	name = strings.ToLower(strings.ToValidUTF8(name, "_"))
	if len(name) > data.MaxNameLen {
		name = strings.ToValidUTF8(name[:data.MaxNameLen], "")
	}
	return name, nil
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
