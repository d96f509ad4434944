// A page from a file: nobody takes its decisions, and it knows no more than what is in it.
const decide = () => Promise.reject(new Error("this page takes no decisions"));
const pastOf = () => null;
