package main

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

func (a *app) dataCommand() *cobra.Command {
	return group("data", "Local data sets: check, register, list, split, forget", a.dataCheckCommand(),
		a.dataAddCommand(), a.dataShowCommand(), a.dataListCommand(), a.dataSplitCommand(), a.dataRemoveCommand())
}

func (a *app) dataAddCommand() *cobra.Command {
	opt := localdata.Options{Holdout: data.DefaultHoldout}
	c := &cobra.Command{Use: "add PATH", Short: "Register local data; nothing is copied and nothing leaves",
		Args: args(1, 1),
		Long: "Register " + open.Formats + ", gzip or not; or " + data.GlyphPath + ", the digits that come with " +
			"the\nprogram. Well-known files are recognized by their content; other data need --task, and 'task new' makes " +
			"one of them.\n" + readingHelp,
		RunE: func(cmd *cobra.Command, argv []string) error {
			opt.Home = a.home
			return a.with(cmd.Context(), func(conn api.Conn) error {
				e, err := localdata.Add(cmd.Context(), conn, argv[0], opt, a.report)
				if err != nil {
					return err
				}
				if cmd.Flags().Changed("holdout") && opt.Holdout > 0 && e.Holdout == 0 {
					a.tell("%s has a test part of its own: --holdout changes nothing", e.Name)
				}
				if a.json && e.Path != data.GlyphPath {
					r, _, err := localdata.Report(cmd.Context(), conn, a.home, e.Name)
					if err != nil {
						return err
					}
					return a.document(map[string]any{"data": []state.DataEntry{e}, "report": r})
				}
				return a.showData([]state.DataEntry{e})
			})
		}}
	c.Flags().StringVar(&opt.Task, "task", "", "the task the data belong to, by name or CID")
	c.Flags().StringVar(&opt.Name, "name", "", "the name to register it under (default: the task's)")
	c.Flags().Float64Var(&opt.Holdout, "holdout", opt.Holdout,
		"share of each class to hold out for testing if the data have no test part; 0 for none")
	addReadingFlags(c, &opt.Reading)
	return a.readFlags(c, true)
}

func (a *app) dataListCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "ls", Short: "List registered data", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				all, err := operations.ListData.Do(cmd.Context(), conn, api.None{}, nil)
				if err != nil {
					return err
				}
				return a.showData(all)
			})
		}}, true)
}

func (a *app) dataSplitCommand() *cobra.Command {
	var flags splitFlags
	var part int
	c := &cobra.Command{Use: "split NAME", Short: "Register parts of a data set as data sets of their own",
		Args: args(1, 1),
		Long: "Split training data over clients: --ring K gives client i the classes i..i+K-1 (FedD3), --iid equal " +
			"random shares,\n--dirichlet ALPHA skewed shares. Every device that splits the same data with the same options " +
			"gets the same parts.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			split, err := flags.parse(0)
			if err != nil {
				return err
			}
			if part < 0 {
				return api.Fail(api.CodeUsage, "leave it out for all parts", "--part counts from 1")
			}
			return a.with(cmd.Context(), func(conn api.Conn) error {
				all, err := localdata.Split(cmd.Context(), conn, argv[0], split, part-1)
				if err != nil {
					return err
				}
				a.tellEmpty(all)
				if part > 0 {
					a.tell("%s is registered; all parts of the split:", all[part-1].Name)
				}
				if a.quiet || a.json { // people see the whole split, programs what was registered
					all = registered(all, part)
				}
				return a.showData(all)
			})
		}}
	flags.add(c)
	c.Flags().IntVar(&part, "part", 0, "register only this part, counted from 1 (default: all)")
	c.Flags().Uint64Var(&flags.Seed, "seed", 0, "seed of the split")
	return a.readFlags(c, true)
}

// registered are the parts of a split that were registered: the one asked for,
// from 1, or with 0 all that hold samples.
func registered(all []state.DataEntry, part int) []state.DataEntry {
	if part > 0 {
		return all[part-1 : part]
	}
	return slices.DeleteFunc(slices.Clone(all), func(e state.DataEntry) bool { return e.Samples() == 0 })
}

// tellEmpty names the parts of a split that hold nothing.
func (a *app) tellEmpty(all []state.DataEntry) {
	const most = 10 // names in a line
	var names []string
	for _, e := range all {
		if e.Samples() == 0 {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	list := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		list += ", ..."
	}
	a.tell("%d of %d parts have no samples and are not registered: %s; fewer clients or a larger alpha give each "+
		"part some",
		len(names), len(all), list)
}

func (a *app) dataRemoveCommand() *cobra.Command {
	c := &cobra.Command{Use: "rm NAME", Short: "Forget registered data and the parts split from them; the files stay",
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				gone, err := operations.ForgetData.Do(cmd.Context(), conn, argv[0], nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(map[string]any{"forgotten": gone})
				}
				for _, name := range gone {
					a.print("%s", name)
				}
				return nil
			})
		}}
	return a.readFlags(c, false)
}

// showData prints entries with their class table, one a list of classes.
func (a *app) showData(all []state.DataEntry) error {
	switch {
	case a.json:
		return a.document(map[string]any{"data": nonNil(all)})
	case a.quiet:
		for _, e := range all {
			a.print("%s", e.Name)
		}
		return nil
	}
	for len(all) > 0 {
		classes := all[0].Classes
		var alike, others []state.DataEntry
		for _, e := range all {
			if slices.Equal(e.Classes, classes) {
				alike = append(alike, e)
			} else {
				others = append(others, e)
			}
		}
		a.classTable(classes, alike)
		if all = others; len(all) > 0 {
			a.print("")
		}
	}
	return nil
}

// classTable prints entries of the same classes.
func (a *app) classTable(classes []string, entries []state.DataEntry) {
	header, wide := "NAME SAMPLES TEST", len(classes) <= 12
	for _, c := range classes {
		if wide {
			header += " " + strings.ReplaceAll(c, " ", "_")
		}
	}
	var rows [][]string
	for _, e := range entries {
		row := []string{e.Name, strconv.Itoa(e.Samples()), strconv.Itoa(e.Test)}
		for _, n := range e.Counts {
			if wide {
				row = append(row, strconv.Itoa(n))
			}
		}
		rows = append(rows, row)
	}
	a.table(header, rows)
}

// nonNil makes JSON print an empty list as [].
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// writeNew writes a file for the user, refusing to overwrite.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return api.Fail(api.CodeUsage, "name another file", "%s exists already", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
