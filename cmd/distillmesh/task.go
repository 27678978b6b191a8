package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func (a *app) taskCommand() *cobra.Command {
	return group("task", "Tasks: what sets must share to be trained together", a.taskNewCommand(), a.taskListCommand(),
		a.taskShowCommand())
}

func (a *app) taskNewCommand() *cobra.Command {
	var opt localdata.TaskOptions
	shape := ""
	c := &cobra.Command{Use: "new NAME", Short: "Make a task: classes, shape and public constants", Args: args(1, 1),
		Long: "Make a task from local data (--from) or from flags alone. What no flag gives is derived from the data:\n" +
			"the classes are their labels; mean and std are measured per channel, or per feature of a table. Such constants\n" +
			"become public with the task; --mean and --std (one value for all, or one each) avoid that. Every device must\n" +
			"use the same task: others find it by name or CID once it is announced, with --publish or with the first set.\n" +
			readingHelp,
		RunE: func(cmd *cobra.Command, argv []string) (err error) {
			opt.Draft.Name = argv[0]
			if opt.Draft.Shape, err = parseShape(shape); err != nil {
				return err
			}
			if err := checkAugment(opt.Draft.Augment); err != nil {
				return err
			}
			return a.with(cmd.Context(), func(conn api.Conn) error {
				t, err := localdata.NewTask(cmd.Context(), conn, opt, a.report)
				if err != nil {
					return err
				}
				a.finish()
				if a.json {
					return a.document(t)
				}
				a.print("%s", t.CID)
				if opt.From != "" {
					a.tell("register data of it with 'distillmesh data add %s --task %s' and the same options", opt.From, t.Name)
				}
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&opt.From, "from", "", "local data to derive it from")
	f.StringSliceVar(&opt.Draft.Classes, "classes", nil, "names of the classes, in order: A,B,C")
	f.StringVar(&shape, "shape", "",
		"CxHxW of a sample; 1x1xF for a table of F features; brings rows and pictures to that shape")
	f.Float64SliceVar(&opt.Draft.Mean, "mean", nil, "mean of each channel (of pixel/255) or feature")
	f.Float64SliceVar(&opt.Draft.Std, "std", nil, "standard deviation of each channel or feature")
	f.StringVar(&opt.Draft.Augment, "augment", "", augmentHelp)
	f.BoolVar(&opt.Publish, "publish", false, "announce it to the mesh")
	addReadingFlags(c, &opt.Reading)
	return a.readFlags(c, true)
}

// augmentHelp is the help of the flags for a task's augmentation.
var augmentHelp = "augmentation that keeps the class: affine (handwriting), mild (objects that stand upright), " +
	"mild-flip (objects that may be mirrored), or another of " +
	strings.Join(recipe.Augmentations, ", ") + " (default: mild-flip in color, else affine)"

func checkAugment(name string) error {
	if name == "" {
		return nil
	}
	if _, err := recipe.ParseStrategy(name); err != nil {
		return api.Fail(api.CodeUsage, "write --augment mild-flip", "%w", err)
	}
	return nil
}

// parseShape reads CxHxW; empty is none.
func parseShape(s string) (data.Shape, error) {
	if s == "" {
		return data.Shape{}, nil
	}
	var out [3]int
	sides := strings.Split(s, "x")
	for i := range out {
		n := 0
		if len(sides) == len(out) {
			n, _ = strconv.Atoi(sides[i])
		}
		if n < 1 {
			return data.Shape{}, api.Fail(api.CodeUsage, "write --shape 3x32x32, or 1x1x13 for 13 features",
				"shape %q is not three numbers above 0", s)
		}
		out[i] = n
	}
	return data.Shape{C: out[0], H: out[1], W: out[2]}, nil
}

func (a *app) taskListCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "ls", Short: "List the tasks this node knows", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				all, err := operations.Tasks.Do(cmd.Context(), conn, api.None{}, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(map[string]any{"tasks": nonNil(all)})
				}
				var rows [][]string
				for _, t := range all {
					if a.quiet {
						a.print("%s", t.CID)
					}
					rows = append(rows, []string{t.Name, short(t.CID), strconv.Itoa(len(t.Classes)), shapeOf(t.Shape), yes(t.BuiltIn),
						yes(t.Joined), strconv.Itoa(t.Sets), strconv.Itoa(t.Trainers)})
				}
				if !a.quiet {
					a.table("NAME CID CLASSES SHAPE BUILT-IN JOINED SETS TRAINERS", rows)
				}
				return nil
			})
		}}, true)
}

func (a *app) taskShowCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "show NAME|CID", Short: "Show one task", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				t, err := operations.ShowTask.Do(cmd.Context(), conn, operations.TaskRequest{Name: argv[0]}, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(t)
				}
				a.print("name     %s\ncid      %s\nshape    %s\nclasses  %s\nmean     %v\nstd      %v\naugment  %s\njoined   "+
					"%s\nsets     %d announced\ntrainers %d",
					t.Name, t.CID, shapeOf(t.Shape), strings.Join(t.Classes, ", "), t.Mean, t.Std, cmp.Or(t.Augment,
						"-"), yes(t.Joined), t.Sets, t.Trainers)
				return nil
			})
		}}, false)
}

func shapeOf(s [3]int) string { return fmt.Sprintf("%dx%dx%d", s[0], s[1], s[2]) }
