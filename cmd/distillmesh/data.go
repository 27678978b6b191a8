package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/train/data"
)

func (a *app) dataCommand() *cobra.Command {
	return group("data", "Local data sets: register, list, split", a.dataAddCommand(), a.dataListCommand(), a.dataSplitCommand())
}

func (a *app) dataAddCommand() *cobra.Command {
	var task, name string
	c := &cobra.Command{Use: "add PATH", Short: "Register local data; nothing is copied and nothing leaves", Args: args(1, 1),
		Long: "Register a folder of IDX files (gzip or not), or " + data.GlyphPath + ", the digits that come with the program.\nWell-known files are recognised by their content; other data need --task.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn node.Conn) error {
				e, err := node.AddData(cmd.Context(), conn, argv[0], task, name)
				if err != nil {
					return err
				}
				return a.showData([]node.DataEntry{e})
			})
		}}
	c.Flags().StringVar(&task, "task", "", "the task the data belong to, by name or CID")
	c.Flags().StringVar(&name, "name", "", "the name to register it under (default: the task's)")
	return a.readFlags(c, true)
}

func (a *app) dataListCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "ls", Short: "List registered data", Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
		return a.with(cmd.Context(), func(conn node.Conn) error {
			all, err := node.ListData.Do(cmd.Context(), conn, node.None{}, nil)
			if err != nil {
				return err
			}
			return a.showData(all)
		})
	}}, true)
}

func (a *app) dataSplitCommand() *cobra.Command {
	var ring int
	var alpha float64
	var iid bool
	var clients, part int
	var seed uint64
	c := &cobra.Command{Use: "split NAME", Short: "Register parts of a data set as data sets of their own", Args: args(1, 1),
		Long: "Split training data over clients: --ring K gives client i the classes i..i+K-1 (FedD3), --iid equal random shares,\n--dirichlet ALPHA skewed shares. Every device that splits the same data with the same options gets the same parts.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			split := data.Split{Clients: clients, Seed: seed}
			chosen := 0
			if ring != 0 {
				split.Kind, split.PerClient, chosen = data.Ring, ring, chosen+1
			}
			if alpha != 0 {
				split.Kind, split.Alpha, chosen = data.Dirichlet, alpha, chosen+1
			}
			if iid {
				split.Kind, chosen = data.IID, chosen+1
			}
			if chosen != 1 || part < 0 {
				return node.Fail(node.CodeUsage, "see 'distillmesh data split --help'", "want one of --ring K, --iid, --dirichlet ALPHA, and --part from 1 (or none for all)")
			}
			return a.with(cmd.Context(), func(conn node.Conn) error {
				all, err := node.SplitData(cmd.Context(), conn, argv[0], split, part-1)
				if err != nil {
					return err
				}
				if part > 0 && (a.quiet || a.json) {
					all = all[part-1 : part] // people see the whole split, programs what was registered
				}
				return a.showData(all)
			})
		}}
	c.Flags().IntVar(&clients, "clients", 10, "number of parts")
	c.Flags().IntVar(&ring, "ring", 0, "classes a client, as a ring")
	c.Flags().Float64Var(&alpha, "dirichlet", 0, "concentration of a Dirichlet split")
	c.Flags().BoolVar(&iid, "iid", false, "equal random shares")
	c.Flags().IntVar(&part, "part", 0, "register this part alone, from 1 (default: all)")
	c.Flags().Uint64Var(&seed, "seed", 0, "seed of the split")
	return a.readFlags(c, true)
}

// showData prints entries with their class table.
func (a *app) showData(all []node.DataEntry) error {
	switch {
	case a.json:
		return a.document(map[string]any{"data": nonNil(all)})
	case a.quiet:
		for _, e := range all {
			a.print("%s", e.Name)
		}
		return nil
	}
	header := "NAME SAMPLES TEST"
	var classes []string
	if len(all) > 0 && len(all[0].Classes) <= 12 {
		classes = all[0].Classes
		for _, c := range classes {
			header += " " + strings.ReplaceAll(c, " ", "_")
		}
	}
	var rows [][]string
	for _, e := range all {
		row := []string{e.Name, strconv.Itoa(e.Samples()), strconv.Itoa(e.Test)}
		if slices.Equal(e.Classes, classes) {
			for _, n := range e.Counts {
				row = append(row, strconv.Itoa(n))
			}
		}
		rows = append(rows, row)
	}
	a.table(header, rows)
	return nil
}

func (a *app) taskCommand() *cobra.Command {
	return group("task", "Tasks: what sets must share to be trained together", a.taskListCommand(), a.taskShowCommand())
}

func (a *app) taskListCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "ls", Short: "List the tasks this node knows", Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
		return a.with(cmd.Context(), func(conn node.Conn) error {
			all, err := node.Tasks.Do(cmd.Context(), conn, node.None{}, nil)
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
				rows = append(rows, []string{t.Name, short(t.CID), strconv.Itoa(len(t.Classes)), shapeOf(t.Shape), yes(t.BuiltIn), yes(t.Joined), strconv.Itoa(t.Sets), strconv.Itoa(t.Trainers)})
			}
			if !a.quiet {
				a.table("NAME CID CLASSES SHAPE BUILT-IN JOINED SETS TRAINERS", rows)
			}
			return nil
		})
	}}, true)
}

func (a *app) taskShowCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "show NAME|CID", Short: "Show one task", Args: args(1, 1), RunE: func(cmd *cobra.Command, argv []string) error {
		return a.with(cmd.Context(), func(conn node.Conn) error {
			t, err := node.ShowTask.Do(cmd.Context(), conn, node.TaskRequest{Name: argv[0]}, nil)
			if err != nil {
				return err
			}
			if a.json {
				return a.document(t)
			}
			a.print("name     %s\ncid      %s\nshape    %s\nclasses  %s\nmean     %v\nstd      %v\njoined   %s\nsets     %d announced\ntrainers %d",
				t.Name, t.CID, shapeOf(t.Shape), strings.Join(t.Classes, ", "), t.Mean, t.Std, yes(t.Joined), t.Sets, t.Trainers)
			return nil
		})
	}}, false)
}

func shapeOf(s [3]int) string { return fmt.Sprintf("%dx%dx%d", s[0], s[1], s[2]) }

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
		return node.Fail(node.CodeUsage, "name another file", "%s is there already", path)
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
